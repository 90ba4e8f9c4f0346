import HTTPWire
import Policy

/// The fields that tell a service who asks (`pass_identity_headers`).
enum IdentityFields {
  static func make(_ subject: Subject, assertion: String?, plan: RoutePlan) -> HeaderList {
    var fields = HeaderList()
    if let assertion { fields.add("X-Pomerium-Jwt-Assertion", assertion) }
    for (name, claim) in plan.claimHeaders {
      if let value = value(of: claim, subject, plan) { fields.add(name, value) }
    }
    return fields
  }

  /// A claim as a field value. What is not printable ASCII, and a list item with a comma, goes only into the assertion
  /// (security rule 22).
  private static func value(of claim: String, _ subject: Subject, _ plan: RoutePlan) -> String? {
    let plain: String?
    switch claim {
    // Services take an address for an identity: one that nobody vouches for could be anybody's (security rule 29).
    case "email": plain = subject.emailIsTrusted ? subject.email : nil
    case "name": plain = subject.name
    case "sub", "user": plain = subject.userID
    case "groups":
      let groups = plan.groups(of: subject)
      return groups.isEmpty ? nil : joined(groups)
    default: return subject.claims[claim].flatMap { text(of: $0) }
    }
    return plain.flatMap { isPrintable($0) ? $0 : nil }
  }

  private static func text(of value: ClaimValue) -> String? {
    switch value {
    case .string(let text): return isPrintable(text) ? text : nil
    case .bool(let flag): return flag ? "true" : "false"
    case .number(let number):
      return number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
    case .list(let items):
      let texts = items.compactMap { text(of: $0) }
      return texts.count == items.count ? joined(texts) : nil
    case .null, .object: return nil
    }
  }

  private static func joined(_ items: [String]) -> String? {
    items.allSatisfy { isPrintable($0) && !$0.contains(",") } ? items.joined(separator: ",") : nil
  }

  static func isPrintable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
  }
}
