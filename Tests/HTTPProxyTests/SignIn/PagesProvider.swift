import EdgeCrypto
import HTTPProxy
import Identity
import Policy
import Synchronization

/// An OpenID provider without a network: discovery, keys and tokens, signed as they should be.
final class PagesProvider: Fetcher {
  static let issuer = "https://idp.example.test"
  private let key: PrivateKey
  private let clock: UnixClock
  /// Who signs in next, the nonce of the sign-in under way, and its client.
  private let next = Mutex<(email: String, nonce: String, client: String)>(("alice@example.com", "", "pomerium"))
  /// What the provider calls the session of whoever signs in next.
  private let sid = Mutex<String?>(nil)

  init(clock: @escaping UnixClock) throws {
    key = try PrivateKey.generate(.ecdsa(.p256))
    self.clock = clock
  }

  func signsIn(_ email: String, nonce: String, client: String = "pomerium") {
    next.withLock { $0 = (email, nonce, client) }
  }

  func sessionAtProvider(_ name: String) { sid.withLock { $0 = name } }

  func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
    let path = request.url.dropFirst(Self.issuer.count)
    switch path {
    case "/.well-known/openid-configuration":
      return answer(
        """
        {"issuer":"\(Self.issuer)","end_session_endpoint":"\(Self.issuer)/logout","authorization_endpoint":"\(Self.issuer)/auth","token_endpoint":"\(Self.issuer)/token",\
        "jwks_uri":"\(Self.issuer)/keys","id_token_signing_alg_values_supported":["ES256"],"response_types_supported":["code"],\
        "subject_types_supported":["public"],"code_challenge_methods_supported":["S256"]}
        """)
    case "/keys":
      let jwk = key.publicKey.jwk
      return answer(
        """
        {"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"k1","crv":"P-256","x":"\(jwk.x ?? "")","y":"\(jwk.y ?? "")"}]}
        """)
    case "/token":
      return answer("{\"access_token\":\"a\",\"token_type\":\"bearer\",\"id_token\":\"\(token())\"}")
    default:
      return FetchResponse(status: 404, body: [])
    }
  }

  private func token() -> String {
    let (email, nonce, client) = next.withLock { $0 }
    let now = clock().seconds
    let session = sid.withLock { $0 }.map { ",\"sid\":\"\($0)\"" } ?? ""
    let header = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
    let claims =
      """
      {"iss":"\(Self.issuer)","sub":"sub-\(email)","aud":"\(client)","iat":\(now),"exp":\(now + 600),"nonce":"\(nonce)",\
      "email":"\(email)","email_verified":true,"name":"\(email.prefix { $0 != "@" })","groups":["staff"]\(session)}
      """
    let input = Base64.encodeURL(Array(header.utf8)) + "." + Base64.encodeURL(Array(claims.utf8))
    let signature = (try? key.sign(Array(input.utf8), algorithm: .ecdsaSHA256)) ?? []
    return input + "." + Base64.encodeURL(signature)
  }

  private func answer(_ json: String) -> FetchResponse {
    FetchResponse(status: 200, headers: [("content-type", "application/json")], body: Array(json.utf8))
  }
}
