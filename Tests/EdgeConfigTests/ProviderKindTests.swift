import Testing

@testable import EdgeConfig

@Suite struct ProviderKindTests {
  private func read(_ provider: String) throws -> (provider: IdentityProviderConfiguration?, errors: [String]) {
    let loaded = EdgeConfigTests.load(Self.text(provider))
    return (
      loaded.configuration?.identityProvider,
      loaded.diagnostics.filter { $0.severity == .error }.map(\.description)
    )
  }

  private static func text(_ provider: String) -> String {
    """
    address: :443
    authenticate_service_url: https://authenticate.example.com
    insecure_server: true
    idp_client_id: edge
    idp_client_secret: secret
    routes: []
    \(provider)
    """
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

  @Test(arguments: [
    ("http://idp.example.com", true), ("http://10.0.0.1:5556/dex", true), ("http://localhost.example.com", true),
    ("https://idp.example.com", false), ("http://127.0.0.1:5556", false), ("http://[::1]:5556", false),
    ("http://idp.localhost:5556", false),
  ]) func aProviderInTheClearIsWarnedOf(_ url: String, _ isWarned: Bool) throws {
    let loaded = EdgeConfigTests.load(Self.text("idp_provider: oidc\nidp_provider_url: \(url)"))
    #expect(loaded.configuration?.identityProvider.issuerURL == url)
    #expect(loaded.warnings.contains { $0.description.contains("asked in the clear") } == isWarned)
  }

  @Test func aServerOfOneSOwnIsNamed() throws {
    let gitlab = try read("idp_provider: gitlab\nidp_provider_url: https://git.example.com").provider
    #expect(gitlab?.issuerURL == "https://git.example.com")
    #expect(try read("idp_provider: gitlab").provider?.issuerURL == "https://gitlab.com")
    #expect(try read("idp_provider: okta\nidp_provider_url: https://x.okta.com").provider?.name == "okta")
  }

  struct Case: Sendable {
    var written: String
    var issuer: String
    var scopes = ["openid", "profile", "email", "offline_access"]
    var parameters: [String: String] = [:]
    var groups = "groups"
  }

  private static let plain = ["openid", "profile", "email"]

  /// Every name, with what it stands for.
  @Test(arguments: [
    Case(written: "idp_provider: oidc\nidp_provider_url: https://a.example/x", issuer: "https://a.example/x"),
    Case(
      written: "idp_provider: google", issuer: "https://accounts.google.com", scopes: plain,
      parameters: ["access_type": "offline", "prompt": "consent select_account"]),
    Case(written: "idp_provider: github", issuer: "https://github.com", scopes: ["user:email", "read:org"]),
    Case(
      written: "idp_provider: github\nidp_provider_url: https://git.example.com/", issuer: "https://git.example.com",
      scopes: ["user:email", "read:org"]),
    Case(written: "idp_provider: gitlab", issuer: "https://gitlab.com", scopes: plain),
    Case(
      written: "idp_provider: gitlab\nidp_provider_url: https://git.example.com/", issuer: "https://git.example.com",
      scopes: plain),
    Case(
      written: "idp_provider: azure", issuer: "https://login.microsoftonline.com/common/v2.0",
      parameters: ["prompt": "select_account"]),
    Case(
      written: "idp_provider: azure\nidp_provider_url: https://login.microsoftonline.com/1f2e/v2.0",
      issuer: "https://login.microsoftonline.com/1f2e/v2.0", parameters: ["prompt": "select_account"]),
    Case(
      written: "idp_provider: azure\nidp_request_params: {prompt: login, domain_hint: example.com}",
      issuer: "https://login.microsoftonline.com/common/v2.0",
      parameters: ["prompt": "login", "domain_hint": "example.com"]),
    Case(written: "idp_provider: okta\nidp_provider_url: https://x.okta.com", issuer: "https://x.okta.com"),
    Case(written: "idp_provider: auth0\nidp_provider_url: https://x.auth0.com", issuer: "https://x.auth0.com/"),
    Case(
      written: "idp_provider: onelogin\nidp_provider_url: https://x.onelogin.com/oidc/2",
      issuer: "https://x.onelogin.com/oidc/2", scopes: plain + ["groups"]),
    Case(
      written: "idp_provider: cognito\nidp_provider_url: https://cognito-idp.eu.amazonaws.com/p",
      issuer: "https://cognito-idp.eu.amazonaws.com/p", scopes: plain, groups: "cognito:groups"),
    Case(
      written: "idp_provider: ping\nidp_provider_url: https://auth.pingone.com/e/as",
      issuer: "https://auth.pingone.com/e/as"),
  ]) func eachNameStandsForItsSettings(_ test: Case) throws {
    let provider = try #require(try read(test.written).provider)
    #expect(provider.issuerURL == test.issuer)
    #expect(provider.scopes == test.scopes)
    #expect(provider.groupsClaim == test.groups)
    let parameters = provider.requestParameters.map { ($0.name, $0.value) }
    #expect(Dictionary(parameters, uniquingKeysWith: { $1 }) == test.parameters)
    #expect(parameters.count == test.parameters.count)
  }

  @Test(arguments: [
    ("idp_provider: azure", "everybody with an account of Microsoft's"),
    ("idp_provider: github\nidp_scopes: [openid, user:email]", "`openid` is no scope of GitHub"),
    ("idp_provider: github\nidp_scopes: [read:org]", "without `user:email` nobody has an address"),
  ]) func whatMayBeMeantOtherwiseIsWarnedOf(_ written: String, _ words: String) {
    let loaded = EdgeConfigTests.load(Self.text(written))
    #expect(loaded.warnings.contains { $0.description.contains(words) }, "\(loaded.diagnostics)")
  }

  @Test func theServerOfAGitHubHasNoPath() throws {
    let errors = try read("idp_provider: github\nidp_provider_url: https://git.example.com/api/v3").errors
    #expect(errors.contains { $0.contains("write https://git.example.com") }, "\(errors)")
    #expect(
      try read("idp_provider: gitlab\nidp_scopes: [email]\nidp_provider_url: https://g.example").errors.count == 1)
  }

  // MARK: Clients of routes

  private func routes(_ lines: String) -> ConfigurationLoad {
    EdgeConfigTests.load(Self.text("idp_provider: google").replacing("routes: []", with: "routes:\n\(lines)"))
  }

  @Test func aRouteHasAClientOfItsOwn() throws {
    let loaded = routes(
      """
        - {from: https://a.example.org, to: http://a, idp_client_id: second, idp_client_secret: hush, policy: [{allow: {or: [{accept: true}]}}]}
        - {from: https://b.example.org, to: http://b, policy: [{allow: {or: [{accept: true}]}}]}
      """)
    let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
    #expect(configuration.routes.first?.http.client?.id == "second")
    #expect(configuration.routes.first?.http.client?.secret.reveal() == "hush")
    #expect(configuration.routes.last?.http.client == nil)
  }

  @Test func aSignInDoesNotVisitTheHostsOfAnotherClient() {
    let loaded = routes(
      """
        - {from: https://a.example.org, to: http://a, depends_on: [b.example.org], policy: [{allow: {or: [{accept: true}]}}]}
        - {from: https://b.example.org, to: http://b, idp_client_id: second, idp_client_secret: hush, policy: [{allow: {or: [{accept: true}]}}]}
      """)
    #expect(loaded.warnings.contains { $0.description.contains("b.example.org signs in with another client") })
  }

  @Test(arguments: [
    ("idp_client_id: second", "https://a.example.org", "`idp_client_secret` is missing"),
    ("idp_client_secret: hush", "https://a.example.org", "`idp_client_id` is missing"),
    (
      "idp_client_id: second, idp_client_secret: a, idp_client_secret_file: /secrets/client", "https://a.example.org",
      "`idp_client_secret` is written, too"
    ),
    ("idp_client_id: second, idp_client_secret: hush", "ssh://a", "only routes that browsers visit"),
    ("idp_client_id: edge, idp_client_secret: other", "https://a.example.org", "has another secret elsewhere"),
    (
      "prefix: /a, idp_client_id: second, idp_client_secret: hush", "https://b.example.org",
      "signs in with another client"
    ),
  ]) func whatContradictsItselfIsAnError(_ keys: String, _ from: String, _ words: String) {
    let to = from.hasPrefix("ssh") ? "ssh://a:22" : "http://a"
    let loaded = routes(
      """
        - {from: https://b.example.org, to: http://b, policy: [{allow: {or: [{accept: true}]}}]}
        - {from: '\(from)', to: '\(to)', \(keys), policy: [{allow: {or: [{accept: true}]}}]}
      """)
    let errors = loaded.errors.map(\.description)
    #expect(errors.contains { $0.contains(words) && $0.contains("config.yaml:") }, "\(loaded.diagnostics)")
  }

  @Test(arguments: [
    ("okta", "as https://ORGANISATION.okta.com"), ("onelogin", "as https://SUBDOMAIN.onelogin.com"),
    ("apple", "by a POST from its own site"), ("hosted", "cannot be used"), ("gogle", "did you mean `google`?"),
  ])
  func whatIsMissingOrCannotBeIsTold(_ name: String, _ words: String) throws {
    let errors = try read("idp_provider: \(name)").errors
    #expect(errors.contains { $0.contains(words) }, "\(errors)")
  }
}
