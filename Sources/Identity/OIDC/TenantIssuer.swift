/// The issuers of Entra's endpoints for many tenants: their discovery document names a template with `{tenantid}`, and each
/// token names its own tenant (`tid`) and the issuer of that one.
enum TenantIssuer {
  static let placeholder = "{tenantid}"
  private static let sharedTenants: Set<Substring> = ["common", "organizations", "consumers"]

  /// Whether people of tenants that are not the admin's can sign in there.
  static func isShared(issuer: String, provider: String) -> Bool {
    guard provider == "azure" || issuer.lowercased().contains("login.microsoftonline.") else { return false }
    let parts = issuer.lowercased().split(separator: "/")
    return issuer.lowercased().contains(placeholder) || parts.contains { sharedTenants.contains($0) }
  }

  /// Whether `issuer` is the template that `configured`, an endpoint for many tenants, may name instead of itself.
  static func isTemplate(_ issuer: String, of configured: String, provider: String) -> Bool {
    guard provider == "azure" else { return false }
    let wanted = configured.split(separator: "/", omittingEmptySubsequences: false)
    let named = issuer.split(separator: "/", omittingEmptySubsequences: false)
    guard wanted.count == named.count, named.filter({ $0 == placeholder }).count == 1 else { return false }
    return zip(wanted, named).allSatisfy { wanted, named in
      wanted == named || (named == placeholder && sharedTenants.contains(wanted))
    }
  }

  /// The issuer that a token of this tenant must name; nil where the template asks for a tenant and this is none.
  static func resolved(_ issuer: String, tenant: String?) -> String? {
    guard let range = issuer.firstRange(of: placeholder) else { return issuer }
    guard let tenant, isTenantID(tenant) else { return nil }
    return issuer.replacingCharacters(in: range, with: tenant)
  }

  /// A UUID in small letters, as they are in issuers.
  private static func isTenantID(_ text: String) -> Bool {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
      && text.utf8.allSatisfy {
        $0 == UInt8(ascii: "-") || ($0 >= 0x30 && $0 <= 0x39) || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f"))
      }
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
