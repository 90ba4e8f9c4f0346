import Testing

@testable import EdgeConfig

@Suite struct ProviderKindTests {
  private func read(_ provider: String) throws -> (provider: IdentityProviderConfiguration?, errors: [String]) {
    let text = """
      address: :443
      authenticate_service_url: https://authenticate.example.com
      insecure_server: true
      idp_client_id: edge
      idp_client_secret: secret
      routes: []
      \(provider)
      """
    let loaded = EdgeConfigTests.load(text)
    return (
      loaded.configuration?.identityProvider,
      loaded.diagnostics.filter { $0.severity == .error }.map(\.description)
    )
  }

  @Test func googleNeedsNoURLAndIsAskedForARefreshTokenInItsOwnWay() throws {
    let google = try #require(try read("idp_provider: google").provider)
    #expect(google.issuerURL == "https://accounts.google.com")
    #expect(google.scopes == ["openid", "profile", "email"])
    #expect(google.requestParameters.contains { $0.name == "access_type" && $0.value == "offline" })
    let other = try #require(
      try read("idp_provider: google\nidp_request_params: {prompt: login}\nidp_scopes: [openid, email]").provider)
    #expect(other.requestParameters.filter { $0.name == "prompt" }.map(\.value) == ["login"])
    #expect(other.scopes == ["openid", "email"])
  }

  @Test func aServerOfOneSOwnIsNamed() throws {
    let gitlab = try read("idp_provider: gitlab\nidp_provider_url: https://git.example.com").provider
    #expect(gitlab?.issuerURL == "https://git.example.com")
    #expect(try read("idp_provider: gitlab").provider?.issuerURL == "https://gitlab.com")
    #expect(try read("idp_provider: okta\nidp_provider_url: https://x.okta.com").provider?.name == "okta")
  }

  @Test(arguments: [
    ("okta", "as https://ORGANISATION.okta.com"), ("azure", "login.microsoftonline.com"), ("github", "put Dex between"),
    ("apple", "by a POST from its own site"), ("hosted", "cannot be used"), ("gogle", "did you mean `google`?"),
  ])
  func whatIsMissingOrCannotBeIsTold(_ name: String, _ words: String) throws {
    let errors = try read("idp_provider: \(name)").errors
    #expect(errors.contains { $0.contains(words) }, "\(errors)")
  }
}
