/// The addresses of a GitHub: the public one, a tenant of GHE.com, or an Enterprise Server.
struct GitHubServer: Sendable, Hashable {
  /// `https://github.com`, without a slash at its end: who vouches for people, and where they sign in.
  let issuer: String
  /// Where the REST API is.
  let api: String

  init(url: String) {
    var issuer = url
    while issuer.hasSuffix("/") { issuer.removeLast() }
    let host = WebURL(issuer)?.host ?? ""
    switch host {
    case "github.com", "www.github.com":
      issuer = "https://github.com"
      api = "https://api.github.com"
    case _ where host.hasSuffix(".ghe.com"): api = "https://api.\(host)"
    default: api = issuer + "/api/v3"
    }
    self.issuer = issuer
  }

  var authorizationURL: String { issuer + "/login/oauth/authorize" }
  var tokenURL: String { issuer + "/login/oauth/access_token" }
}
