import EdgeCrypto
import HTTPWire
import Identity
import PlainText

/// What programs may ask without signing in.
extension OwnPages {
  /// `nil` when the path is none of these.
  func wellKnown(_ request: OwnRequest) -> OwnResponse? {
    switch request.path {
    case "/.well-known/pomerium", "/.well-known/pomerium/": return directory(request)
    case "/.well-known/pomerium/jwks.json": return keySet(request)
    case "/.well-known/pomerium/ssh_known_hosts": return knownHosts()
    default: return nil
    }
  }

  private func directory(_ request: OwnRequest) -> OwnResponse {
    let origin = origin(of: request)
    var response = OwnResponse.json(
      .object([
        ("issuer", .string(origin + "/")),
        ("authentication_callback_endpoint", .string(authenticateURL("/oauth2/callback"))),
        ("jwks_uri", .string(origin + "/.well-known/pomerium/jwks.json")),
        ("frontchannel_logout_uri", .string(authenticateURL("/.pomerium/frontchannel_logout"))),
        ("backchannel_logout_uri", .string(authenticateURL("/.pomerium/backchannel_logout"))),
      ]))
    response.headers.add("Access-Control-Allow-Origin", "*")
    return response
  }

  /// The public keys of `X-Pomerium-Jwt-Assertion`.
  private func keySet(_ request: OwnRequest) -> OwnResponse {
    let body = Array(identity.jwks.utf8)
    let tag = "\"\(Base64.encodeURL(Array(Digest.sha256(body).prefix(15))))\""
    var response = OwnResponse(status: 200)
    let known = request.headers.values("if-none-match").flatMap { $0.split(separator: ",") }
      .map { $0.filter { $0 != " " } }.map { $0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0 }
    if known.contains(tag) || known.contains("*") {
      response.status = 304
    } else {
      response.headers.add("Content-Type", "application/json")
      response.body = body
    }
    response.headers.add("ETag", tag)
    response.headers.add("Cache-Control", "max-age=60")
    response.headers.add("Access-Control-Allow-Origin", "*")
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.add("X-Pomerium-Intercepted-Response", "true")
    return response
  }

  /// The host keys of the ssh port (security rule 12); on the authenticate host only.
  private func knownHosts() -> OwnResponse {
    .text(configuration.knownHosts.map { $0 + "\n" }.joined())
  }
}
