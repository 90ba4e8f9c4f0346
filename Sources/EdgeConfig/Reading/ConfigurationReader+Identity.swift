internal import Policy

extension ConfigurationReader {
  /// An own https address without anything after the host.
  func authenticateURL() -> ServiceURL? {
    guard let text = section.text("authenticate_service_url") else {
      if !section.isWritten("authenticate_service_url") {
        findings.error(
          section.place, "`authenticate_service_url` is missing: where people sign in",
          "as https://authenticate.example.com, a name of this edge that no route has")
      }
      return nil
    }
    guard let setting = section.setting("authenticate_service_url"), let url = url(text, setting) else { return nil }
    guard url.scheme == "https" else {
      section.error(setting, "must begin with https://, not \(url.scheme)://")
      return nil
    }
    guard isHostName(url.host) || IPAddress(url.host) != nil else {
      section.error(setting, "`\(url.host)` is no host name", asciiHint(url.host))
      return nil
    }
    if url.host == "authenticate.pomerium.app" {
      section.error(setting, "the hosted service of Pomerium cannot be used", "name a host of this edge")
    }
    if url.hasUserInfo || url.hasMore || !(url.path.isEmpty || url.path == "/") {
      section.error(setting, "expected scheme, host and port only", "write \(url.origin)")
    }
    return ServiceURL(host: url.host, port: url.port)
  }

  func identityProvider() -> IdentityProviderConfiguration? {
    let kind = providerKind()
    let issuer = issuerURL(kind)
    let clientID = required("idp_client_id", "this edge's name at the identity provider")
    let secret = clientSecret()
    let written = section.texts("idp_scopes").map(\.text)
    let scopes = section.isWritten("idp_scopes") ? written : kind?.scopes ?? written
    if let setting = section.setting("idp_scopes"), !scopes.contains("openid") {
      section.error(setting, "`openid` is missing", "without it the provider does not say who signed in")
    }
    var parameters = section.pairs("idp_request_params").map { RequestParameter(name: $0.name, value: $0.value) }
    parameters += (kind?.parameters ?? []).filter { usual in !parameters.contains { $0.name == usual.name } }
    let emailIsTrusted = section.flag("idp_email_trusted")
    guard let kind, let issuer, let clientID, let secret else { return nil }
    return IdentityProviderConfiguration(
      name: kind.name, issuerURL: issuer, clientID: clientID, clientSecret: SecretString(secret), scopes: scopes,
      requestParameters: parameters, emailIsTrusted: emailIsTrusted)
  }

  private func providerKind() -> ProviderKind? {
    guard let name = required("idp_provider", "the kind of identity provider: `oidc`") else { return nil }
    if let kind = ProviderKind.named(name) { return kind }
    guard let setting = section.setting("idp_provider") else { return nil }
    switch name {
    case "apple":
      section.error(
        setting,
        "`apple` is not supported: it answers sign-ins by a POST from its own site, which no cookie of this edge follows"
      )
    case "github":
      section.error(
        setting, "`github` is not supported in this version: it does not speak OpenID Connect",
        "put Dex between the two, with its connector for GitHub")
    case "hosted": section.error(setting, "the hosted service of Pomerium cannot be used", "name a provider of yours")
    default: return section.choice("idp_provider").flatMap(ProviderKind.named)
    }
    return nil
  }

  private func issuerURL(_ kind: ProviderKind?) -> String? {
    if !section.isWritten("idp_provider_url"), let issuer = kind?.issuer { return issuer }
    let what = kind?.issuerForm.map { "the issuer URL, as \($0)" } ?? "the issuer URL of the identity provider"
    guard let text = required("idp_provider_url", what),
      let setting = section.setting("idp_provider_url"), let url = url(text, setting)
    else { return nil }
    guard url.scheme == "https" || url.scheme == "http" else {
      section.error(setting, "must begin with https://, not \(url.scheme)://")
      return nil
    }
    if url.hasUserInfo || url.hasMore {
      section.error(setting, "an issuer has no user, query or fragment")
      return nil
    }
    if url.path.hasSuffix("/.well-known/openid-configuration") {
      section.error(setting, "this is the discovery document", "leave out /.well-known/openid-configuration")
      return nil
    }
    return text
  }

  /// An absolute https URL, with any path and query.
  func signedOutURL() -> String? {
    guard let text = section.text("signout_redirect_url"), let setting = section.setting("signout_redirect_url"),
      let url = url(text, setting)
    else { return nil }
    guard url.scheme == "https", !url.hasUserInfo, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      section.error(setting, "expected an address that begins with https://, without a user")
      return nil
    }
    return text
  }

  private func clientSecret() -> String? {
    guard let (text, setting) = section.textOrFile("idp_client_secret") else {
      if !section.isWritten("idp_client_secret"), !section.isWritten("idp_client_secret_file") {
        findings.error(
          section.place, "`idp_client_secret` is missing: this edge's password at the identity provider",
          "or `idp_client_secret_file`")
      }
      return nil
    }
    let secret = setting.key.name == "idp_client_secret" ? text : text.trimmingBlanks
    if secret.isEmpty {
      section.error(setting, "it is empty")
      return nil
    }
    return secret
  }

  private func required(_ name: String, _ what: String) -> String? {
    if !section.isWritten(name) { findings.error(section.place, "`\(name)` is missing: \(what)") }
    return section.isWritten(name) ? section.text(name) : nil
  }

  func url(_ text: String, _ setting: Setting) -> URLText? {
    do throws(URLText.Failure) {
      return try URLText(text)
    } catch {
      let (message, suggestion) = error.words(for: text)
      section.error(setting, message, suggestion)
      return nil
    }
  }
}

extension URLText.Failure {
  /// Message and suggestion.
  func words(for text: String) -> (String, String?) {
    switch self {
    case .noScheme: ("`\(text)` is no URL", "did you mean `https://\(text)`?")
    case .badHost(let host): ("`\(host)` is no host", nil)
    case .badPort(let port): ("`\(port)` is no port", "a number from 1 to 65535")
    case .badCharacter: ("a URL cannot have blanks or control characters", nil)
    }
  }
}

/// International names are compared in their ASCII form only.
func asciiHint(_ host: String) -> String? {
  host.utf8.contains { $0 >= 0x80 } ? "write its ASCII form (xn--…)" : nil
}
