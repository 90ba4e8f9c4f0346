import Policy
import Testing

@testable import Identity

/// Entra's endpoints for many tenants.
@Suite struct TenantIssuerTests {
  private static let common = "https://login.microsoftonline.com/common/v2.0"
  private static let template = "https://login.microsoftonline.com/{tenantid}/v2.0"
  private static let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

  @Test(arguments: [
    (template, common, "azure", true),
    (template, "https://login.microsoftonline.com/organizations/v2.0", "azure", true),
    (template, common, "oidc", false), (template, "https://login.microsoftonline.com/\(tenant)/v2.0", "azure", false),
    ("https://evil.example/{tenantid}/v2.0", common, "azure", false),
    ("https://login.microsoftonline.com/{tenantid}/{tenantid}", common, "azure", false),
    ("https://login.microsoftonline.com/{tenantid}", common, "azure", false),
  ]) func onlyTheTemplateOfTheEndpointIsTaken(_ named: String, _ configured: String, _ kind: String, _ taken: Bool) {
    #expect(TenantIssuer.isTemplate(named, of: configured, provider: kind) == taken)
  }

  @Test(arguments: [
    (tenant, "https://login.microsoftonline.com/\(tenant)/v2.0"), (nil, nil), ("{tenantid}", nil),
    ("x/../common", nil), ("9188040D-6c67-4c5b-b112-36a304b66dad", nil), ("9188040d6c674c5bb11236a304b66dad", nil),
    ("9188040d-6c67-4c5b-b112-36a304b66dag", nil),
  ]) func theTenantTakesItsPlace(_ tenant: String?, _ expected: String?) {
    #expect(TenantIssuer.resolved(Self.template, tenant: tenant) == expected)
    #expect(TenantIssuer.resolved("https://idp.example", tenant: tenant) == "https://idp.example")
  }

  private func harness() async throws -> Harness {
    try await Harness {
      $0.provider.name = "azure"
      $0.provider.issuer = "https://idp.example/common/v2.0"
    }
  }

  private func answer(_ harness: Harness, tenant: String?, issuer: String) {
    harness.provider.change { state in
      state.issuer = "https://idp.example/common/v2.0"
      state.discovery["issuer"] = .string("https://idp.example/{tenantid}/v2.0")
      state.person["email_verified"] = nil
      state.alter = { plan in
        plan.claims["iss"] = .string(issuer)
        plan.claims["tid"] = tenant.map { .string($0) }
      }
    }
  }

  @Test func aPersonIsOfTheirTenant() async throws {
    let harness = try await harness()
    let issuer = "https://idp.example/\(Self.tenant)/v2.0"
    answer(harness, tenant: Self.tenant, issuer: issuer)
    let session = try await harness.signIn().session
    #expect(session.subject.issuer == issuer)
    // Rule 29: anybody can open an account there with any address in it.
    #expect(session.subject.email != nil && !session.subject.emailIsTrusted)
    harness.clock.advance(seconds: 480)
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 10, putOff: 60))
    #expect(harness.identity.session(id: session.id) != nil)
    // The same name in another tenant is another person.
    answer(
      harness, tenant: "00000000-0000-0000-0000-000000000001",
      issuer: "https://idp.example/00000000-0000-0000-0000-000000000001/v2.0")
    harness.clock.advance(seconds: 480)
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 10, putOff: 60))
    #expect(harness.identity.session(id: session.id) == nil)
  }

  @Test(arguments: [
    (nil, "https://idp.example/\(tenant)/v2.0"), (tenant, "https://idp.example/common/v2.0"),
    (tenant, "https://idp.example/{tenantid}/v2.0"), ("{tenantid}", "https://idp.example/{tenantid}/v2.0"),
    (tenant, "https://idp.example/00000000-0000-0000-0000-000000000001/v2.0"),
  ]) func aTokenThatNamesAnotherIssuerIsRefused(_ tenant: String?, _ issuer: String) async throws {
    let harness = try await harness()
    answer(harness, tenant: tenant, issuer: issuer)
    await #expect(throws: IdentityError.self) { try await harness.signIn() }
  }
}
