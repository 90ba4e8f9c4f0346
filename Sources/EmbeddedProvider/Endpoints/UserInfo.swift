import EdgeCrypto

extension ProviderService {
  /// `/userinfo`: the claims of a valid access token.
  func userInfo(_ request: ProviderRequest) -> ProviderResponse {
    guard let header = request.header("authorization"), header.lowercased().hasPrefix("bearer ") else {
      return refusal("invalid_request", "A bearer token is missing.")
    }
    let token = String(header.dropFirst("bearer ".count))
    guard keys.verifies(token), let claims = AccessTokenReader(token), claims.expiresAt > clock() / 1000 else {
      return refusal("invalid_token", "The access token is not one of ours or has expired.")
    }
    return ProviderResponse(
      status: 200, headers: [("content-type", "application/json"), ("cache-control", "no-store")], body: claims.body)
  }

  private func refusal(_ error: String, _ description: String) -> ProviderResponse {
    var response = ProviderResponse.oauthError(error, description, status: 401)
    response.headers.append(("www-authenticate", "Bearer error=\"\(error)\", error_description=\"\(description)\""))
    return response
  }
}

/// Reads our own access tokens, after their signature was verified: their form is exactly the one `TokenClaims` writes.
struct AccessTokenReader {
  let expiresAt: Int64
  /// The claims as they stand in the token.
  let body: [UInt8]

  init?(_ token: String) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    // An ID token is signed by the same keys: the type tells them apart.
    guard parts.count == 3, let header = Base64.decodeURL(String(parts[0])),
      String(decoding: header, as: UTF8.self).contains("\"typ\":\"at+jwt\""),
      let body = Base64.decodeURL(String(parts[1]))
    else { return nil }
    let text = String(decoding: body, as: UTF8.self)
    // `exp` stands before everything that a person's name could be part of.
    guard let start = text.firstRange(of: ",\"exp\":")?.upperBound,
      let seconds = Int64(text[start...].prefix { $0.isNumber })
    else { return nil }
    expiresAt = seconds
    self.body = body
  }
}
