import EdgeCrypto
import Policy
import Synchronization
import TestSupport

@testable import Identity

/// A provider that plays by the rules, until a test tells it which to break. Its tokens are really signed.
final class ScriptedProvider: Fetcher {
  /// One ID token before it is signed.
  struct TokenPlan {
    var header: [String: ClaimValue]
    var claims: [String: ClaimValue]
    var key: PrivateKey
    var algorithm: SignatureAlgorithm
    /// Signs instead of the key.
    var signature: (@Sendable ([UInt8]) -> [UInt8])?
    var finish: @Sendable (String) -> String = { $0 }
  }

  struct Grant {
    var challenge: String
    var nonce: String
  }

  struct State {
    var issuer = "https://idp.example"
    var discovery: [String: ClaimValue] = [:]
    var discoveryStatus = 200
    var keyID = "k1"
    var key = TestKeys.rsa
    var algorithm = SignatureAlgorithm.rsaPKCS1SHA256
    var algorithmName = "RS256"
    /// Entries before our own key.
    var furtherKeys: [ClaimValue] = []
    var publishesKey = true
    var keysStatus = 200
    var keysBody: [UInt8]?
    var person: [String: ClaimValue] = [
      "sub": .string("alice-1"), "email": .string("alice@example.test"), "email_verified": .bool(true),
      "name": .string("Alice"), "groups": .list([.string("staff"), .string("web")]),
    ]
    var userinfo: [String: ClaimValue]?
    var userinfoStatus = 200
    var userinfoHeaders: [(name: String, value: String)] = []
    var revocationStatus = 200
    var alter: (@Sendable (inout TokenPlan) -> Void)?
    var tokenStatus = 200
    var tokenBody: [UInt8]?
    var alterAnswer: (@Sendable (inout [String: ClaimValue]) -> Void)?
    var refreshCount = 0
    var issuesRefreshTokens = true
    var idTokenOnRefresh = true
    var grants: [String: Grant] = [:]
    /// Codes are never given twice, however many of them are used up.
    var codesIssued = 0
    var requests: [FetchRequest] = []
    var failure: FetchError.Kind?
  }

  let state = Mutex(State())
  let clock: TestClock

  init(clock: TestClock) { self.clock = clock }

  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  func requests(to path: String) -> [FetchRequest] {
    state.withLock { $0.requests.filter { $0.url.hasSuffix(path) } }
  }

  /// What the person's browser brings back from the authorization endpoint.
  func authorize(_ redirect: String) -> [(String, String)] {
    let query = Dictionary(QueryString.parse(redirect.drop { $0 != "?" }.dropFirst()), uniquingKeysWith: { $1 })
    return state.withLock { state in
      state.codesIssued += 1
      let code = "code-\(state.codesIssued)"
      state.grants[code] = Grant(challenge: query["code_challenge"] ?? "", nonce: query["nonce"] ?? "")
      return [("code", code), ("state", query["state"] ?? "")]
    }
  }

  func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
    let response: FetchResponse? = state.withLock { state in
      state.requests.append(request)
      if state.failure != nil { return nil }
      let path = request.url.dropFirst(state.issuer.count)
      switch path {
      case "/.well-known/openid-configuration": return discovery(state)
      case "/keys": return keys(state)
      case "/token": return token(&state, request)
      case "/userinfo": return userinfo(state, request)
      case "/revoke": return FetchResponse(status: state.revocationStatus, body: [])
      default: return FetchResponse(status: 404, body: [])
      }
    }
    guard let response else {
      throw FetchError(state.withLock { $0.failure } ?? .broken, url: request.url, reason: "as the test wants")
    }
    return response
  }

  private func json(_ status: Int = 200, _ members: [String: ClaimValue]) -> FetchResponse {
    FetchResponse(status: status, headers: [], body: JSONWriter.bytes(.object(members)))
  }

  private func discovery(_ state: State) -> FetchResponse {
    var members: [String: ClaimValue] = [
      "issuer": .string(state.issuer), "authorization_endpoint": .string(state.issuer + "/auth"),
      "token_endpoint": .string(state.issuer + "/token"), "jwks_uri": .string(state.issuer + "/keys"),
    ]
    if state.userinfo != nil { members["userinfo_endpoint"] = .string(state.issuer + "/userinfo") }
    members.merge(state.discovery) { $1 }
    return json(state.discoveryStatus, members)
  }

  static func jwk(_ key: PublicKey, id: String?, algorithm: String? = nil) -> ClaimValue {
    let parts = key.jwk
    var members: [String: ClaimValue] = ["kty": .string(parts.kty), "use": .string("sig")]
    for (name, value) in [("crv", parts.crv), ("x", parts.x), ("y", parts.y), ("n", parts.n), ("e", parts.e)] {
      if let value { members[name] = .string(value) }
    }
    if let id { members["kid"] = .string(id) }
    if let algorithm { members["alg"] = .string(algorithm) }
    return .object(members)
  }

  private func keys(_ state: State) -> FetchResponse {
    if let body = state.keysBody { return FetchResponse(status: state.keysStatus, body: body) }
    var entries = state.furtherKeys
    if state.publishesKey { entries.append(Self.jwk(state.key.publicKey, id: state.keyID)) }
    return json(state.keysStatus, ["keys": .list(entries)])
  }

  private func token(_ state: inout State, _ request: FetchRequest) -> FetchResponse {
    if let body = state.tokenBody { return FetchResponse(status: state.tokenStatus, body: body) }
    guard state.tokenStatus == 200 else { return json(state.tokenStatus, ["error": .string("server_error")]) }
    let form = Dictionary(
      QueryString.parse(String(decoding: request.body, as: UTF8.self)), uniquingKeysWith: { $1 })
    let nonce: String
    switch form["grant_type"] {
    case "authorization_code":
      guard let grant = state.grants.removeValue(forKey: form["code"] ?? ""),
        Base64.encodeURL(Digest.sha256(Array((form["code_verifier"] ?? "").utf8))) == grant.challenge
      else { return json(400, ["error": .string("invalid_grant")]) }
      nonce = grant.nonce
    default:
      guard form["refresh_token"] == "refresh-\(state.refreshCount)" else {
        return json(400, ["error": .string("invalid_grant")])
      }
      state.refreshCount += 1
      nonce = "the old one"
    }
    var answer: [String: ClaimValue] = ["access_token": .string("access"), "token_type": .string("bearer")]
    if state.issuesRefreshTokens { answer["refresh_token"] = .string("refresh-\(state.refreshCount)") }
    if form["grant_type"] == "authorization_code" || state.idTokenOnRefresh {
      answer["id_token"] = .string(idToken(state, nonce: nonce))
    }
    state.alterAnswer?(&answer)
    return json(200, answer)
  }

  private func userinfo(_ state: State, _ request: FetchRequest) -> FetchResponse {
    guard request.headers.contains(where: { $0 == ("Authorization", "Bearer access") }) else {
      return json(401, [:])
    }
    var answer = json(state.userinfoStatus, state.userinfo ?? [:])
    answer.headers = state.userinfoHeaders
    return answer
  }

  private func idToken(_ state: State, nonce: String) -> String {
    let now = Double(clock.now.seconds)
    var claims: [String: ClaimValue] = [
      "iss": .string(state.issuer), "aud": .string("edge"), "exp": .number(now + 600), "iat": .number(now),
      "nonce": .string(nonce), "at_hash": .string(Self.halfHash("access")),
    ]
    claims.merge(state.person) { $1 }
    var plan = TokenPlan(
      header: ["alg": .string(state.algorithmName), "kid": .string(state.keyID)], claims: claims, key: state.key,
      algorithm: state.algorithm)
    state.alter?(&plan)
    let content =
      Base64.encodeURL(JSONWriter.bytes(.object(plan.header))) + "."
      + Base64.encodeURL(JSONWriter.bytes(.object(plan.claims)))
    let signature =
      plan.signature?(Array(content.utf8))
      ?? (try? plan.key.sign(Array(content.utf8), algorithm: plan.algorithm)) ?? []
    return plan.finish(content + "." + Base64.encodeURL(signature))
  }

  /// Claims of any kind, signed with the provider's key.
  func sign(_ claims: [String: ClaimValue], type: String) throws -> String {
    let state = state.withLock { $0 }
    let header: [String: ClaimValue] = [
      "alg": .string(state.algorithmName), "kid": .string(state.keyID), "typ": .string(type),
    ]
    let content =
      Base64.encodeURL(JSONWriter.bytes(.object(header))) + "." + Base64.encodeURL(JSONWriter.bytes(.object(claims)))
    return content + "." + Base64.encodeURL(try state.key.sign(Array(content.utf8), algorithm: state.algorithm))
  }

  static func halfHash(_ text: String) -> String { Base64.encodeURL(Array(Digest.sha256(Array(text.utf8)).prefix(16))) }
}
