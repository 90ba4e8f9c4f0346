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
    let secret = section.clientSecret("this edge's password at the identity provider")
    let written = section.texts("idp_scopes").map(\.text)
    let scopes = section.isWritten("idp_scopes") ? written : kind?.scopes ?? written
    if let kind { checkScopes(scopes, kind) }
    var parameters = section.pairs("idp_request_params").map { RequestParameter(name: $0.name, value: $0.value) }
    parameters += (kind?.parameters ?? []).filter { usual in !parameters.contains { $0.name == usual.name } }
    let emailIsTrusted = section.flag("idp_email_trusted")
    guard let kind, let issuer, let clientID, let secret else { return nil }
    return IdentityProviderConfiguration(
      name: kind.name, issuerURL: issuer, clientID: clientID, clientSecret: SecretString(secret), scopes: scopes,
      requestParameters: parameters, emailIsTrusted: emailIsTrusted, groupsClaim: kind.groupsClaim)
  }

  private func checkScopes(_ scopes: [String], _ kind: ProviderKind) {
    guard let setting = section.setting("idp_scopes") else { return }
    if kind.speaksOpenIDConnect {
      if !scopes.contains("openid") {
        section.error(setting, "`openid` is missing", "without it the provider does not say who signed in")
      }
      return
    }
    if let other = scopes.first(where: { ["openid", "profile", "email", "offline_access"].contains($0) }) {
      findings.warning(
        setting.place, "`\(other)` is no scope of GitHub", "take `idp_scopes` out, or write `user:email` and `read:org`"
      )
    }
    if !scopes.contains("user:email"), !scopes.contains("user") {
      findings.warning(
        setting.place, "without `user:email` nobody has an address: no policy on `email` or `domain` can match")
    }
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
    case "hosted": section.error(setting, "the hosted service of Pomerium cannot be used", "name a provider of yours")
    default: return section.choice("idp_provider").flatMap(ProviderKind.named)
    }
    return nil
  }

  private func issuerURL(_ kind: ProviderKind?) -> String? {
    if !section.isWritten("idp_provider_url"), let kind, let issuer = kind.issuer {
      if issuer == ProviderKind.sharedTenants {
        findings.warning(
          section.place, "without `idp_provider_url` everybody with an account of Microsoft's can sign in",
          "name your tenant, as \(kind.issuerForm ?? issuer)")
      }
      return issuer
    }
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
    let isHere =
      url.host == "localhost" || url.host.hasSuffix(".localhost") || IPAddress(url.host)?.isLoopback == true
    if url.scheme == "http", !isHere {
      findings.warning(
        setting.place, "the identity provider is asked in the clear: whoever is on the way can sign in as anybody",
        "give it a certificate and write https://, unless the network up to it is yours alone")
    }
    if url.path.hasSuffix("/.well-known/openid-configuration") {
      section.error(setting, "this is the discovery document", "leave out /.well-known/openid-configuration")
      return nil
    }
    if let kind, !kind.speaksOpenIDConnect, !url.path.isEmpty, url.path != "/" {
      section.error(setting, "expected the address of the server only", "write \(url.origin)")
      return nil
    }
    switch kind?.endsInSlash {
    case true?: return text.hasSuffix("/") ? text : text + "/"
    case false?: return text.hasSuffix("/") ? String(text.dropLast()) : text
    case nil: return text
    }
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

  /// Programs on the machine of the browser, and no others: a token sent elsewhere would be a stranger's (security rule 20).
  func loopbackHosts() -> [String] {
    let known = EdgeConfiguration.loopbackNames
    guard section.isWritten("programmatic_redirect_domain_whitelist") else { return known }
    return section.texts("programmatic_redirect_domain_whitelist").compactMap { name, place in
      let host = name.lowercased() == "::1" ? "[::1]" : name.lowercased()
      guard known.contains(host) else {
        findings.error(
          place, "`\(name)`: programmatic login sends tokens to programs on the visitor's own machine only",
          "of `localhost`, `127.0.0.1` and `[::1]`, those that you want; or leave the key out")
        return nil
      }
      return host
    }
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

extension Section {
  /// `idp_client_secret`, or its file.
  func clientSecret(_ what: String) -> String? {
    guard let (text, setting) = textOrFile("idp_client_secret") else {
      if !isWritten("idp_client_secret"), !isWritten("idp_client_secret_file") {
        findings.error(place, "`idp_client_secret` is missing: \(what)", "or `idp_client_secret_file`")
      }
      return nil
    }
    let secret = setting.key.name == "idp_client_secret" ? text : text.trimmingBlanks
    if secret.isEmpty {
      error(setting, "it is empty")
      return nil
    }
    return secret
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
