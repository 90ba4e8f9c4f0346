import EdgeCrypto
import FuzzDriver
import Policy
import Store

@testable import Identity

// What an identity provider, or somebody in its place, sends to a relying party. The first byte chooses:
//   0 any JSON; 1 a discovery document with changes; 2 a key set with changes, and the token that its key made;
//   3 any text as a token; 4 a genuine token with changes; 5 genuine claims with changes, signed by the right key;
//   6 a token endpoint's answer; 7 what a callback's address holds.
// What is read is written and read again as the same. Only the token as it was made passes.

@_cdecl("FuzzTokens_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    switch input.byte() % 8 {
    case 0: _ = readJSON(input.remaining)
    case 1: readDocuments(FuzzInput.changed(Array(Genuine.discovery.utf8), by: input.remaining))
    case 2: readDocuments(FuzzInput.changed(Array(Genuine.keySet.utf8), by: input.remaining))
    case 3: readToken(String(decoding: input.remaining, as: UTF8.self))
    case 4:
      readToken(String(decoding: FuzzInput.changed(Array(Genuine.token.utf8), by: input.remaining), as: UTF8.self))
    case 5: readClaims(FuzzInput.changed(Array(Genuine.claims.utf8), by: input.remaining))
    case 6: _ = try? TokenAnswer(FetchResponse(status: 200, body: input.remaining), url: "https://idp.example/token")
    default: readCallback(String(decoding: input.remaining, as: UTF8.self))
    }
  }
}

private enum Genuine {
  static let key: PrivateKey = {
    guard let key = try? PrivateKey.generate(.ecdsa(.p256)) else { fatalError("no key") }
    return key
  }()
  static let keySet: String = {
    let (x, y) = (key.publicKey.jwk.x ?? "", key.publicKey.jwk.y ?? "")
    return
      #"{"keys":[{"kty":"RSA","n":"0vx7","e":"AQAB"},{"kty":"EC","crv":"P-256","kid":"k","x":"\#(x)","y":"\#(y)"}]}"#
  }()
  static let keys: ProviderKeys = {
    guard let value = try? JSONReader.parse(Array(keySet.utf8)), let keys = try? ProviderKeys(value) else {
      fatalError("the key set is not read")
    }
    return keys
  }()
  static let discovery = """
    {"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/auth","token_endpoint":\
    "https://idp.example/token","jwks_uri":"https://idp.example/keys","userinfo_endpoint":"https://idp.example/me",\
    "token_endpoint_auth_methods_supported":["client_secret_post"]}
    """
  static let claims = """
    {"iss":"https://idp.example","aud":["edge"],"azp":"edge","exp":1700000600,"iat":1700000000,"sub":"alice","nonce":"n",\
    "email":"alice@example.test","email_verified":true,"groups":["staff","é"],"at_hash":"x"}
    """
  static let token = signed(Array(claims.utf8))
  static let now = UnixTime(seconds: 1_700_000_000)

  static func signed(_ claims: [UInt8]) -> String {
    let content = Base64.encodeURL(Array(#"{"alg":"ES256","kid":"k"}"#.utf8)) + "." + Base64.encodeURL(claims)
    guard let signature = try? key.sign(Array(content.utf8), algorithm: .ecdsaSHA256) else { fatalError("not signed") }
    return content + "." + Base64.encodeURL(signature)
  }
}

private func readJSON(_ bytes: [UInt8]) -> ClaimValue? {
  guard let value = try? JSONReader.parse(bytes) else { return nil }
  guard let again = try? JSONReader.parse(JSONWriter.bytes(value)), again == value else {
    fatalError("another value after writing and reading")
  }
  return value
}

private func readDocuments(_ bytes: [UInt8]) {
  guard let value = readJSON(bytes) else { return }
  _ = try? ProviderMetadata(value, configuredIssuer: "https://idp.example")
  _ = SignInReturn(value)
  guard let keys = try? ProviderKeys(value), let token = try? SignedToken(Genuine.token) else { return }
  // Another key may stand there now; a token that still passes says what it said.
  if let claims = try? token.claims(verifiedBy: keys), claims.text("sub") != "alice" { fatalError("other claims") }
}

private func readToken(_ text: String) {
  for trade in [SignedToken.Trade.identity, .logout] {
    guard let token = try? SignedToken(text, as: trade) else { continue }
    if (try? token.claims(verifiedBy: Genuine.keys)) != nil, text != Genuine.token { fatalError("a forgery: \(text)") }
  }
}

/// The provider itself says something odd.
private func readClaims(_ bytes: [UInt8]) {
  guard let token = try? SignedToken(Genuine.signed(bytes)) else { fatalError("no token") }
  var expect = IDToken.Expectation(issuer: "https://idp.example", clientID: "edge", now: Genuine.now)
  _ = try? LogoutToken(token, keys: Genuine.keys, expect: expect)
  readJob(token)
  expect.nonce = "n"
  guard let idToken = try? IDToken(token, keys: Genuine.keys, expect: expect) else { return }
  guard idToken.claims.text("iss") == "https://idp.example", !idToken.subject.isEmpty else {
    fatalError("wrong claims")
  }
  let provider = ProviderConfiguration(name: "oidc", issuer: "https://idp.example", clientID: "edge", clientSecret: "")
  var merger = ClaimMerger(idToken: idToken.claims)
  merger.add(userinfo: idToken.claims)
  _ = merger.subject(
    sessionID: "s", issuer: idToken.issuer, userID: idToken.subject, configuration: provider, expiresAt: Genuine.now)
}

/// A job's token: what passes names one audience and ends within a day, and what is kept of it is read again as the same.
private func readJob(_ token: SignedToken) {
  let issuer = WorkloadIssuer(name: "https://idp.example")
  guard let job = try? WorkloadToken(token, keys: Genuine.keys, issuer: issuer, now: Genuine.now) else { return }
  guard !job.claims.audience.isEmpty, !job.claims.subject.isEmpty, Genuine.now < job.expiresAt,
    job.expiresAt <= Genuine.now.adding(seconds: WorkloadToken.longestLifetime + WorkloadToken.skew)
  else { fatalError("wrong claims") }
  let binding = WorkloadBinding(
    fingerprint: "f", account: "ci", sourceAddress: "192.0.2.1", boundAt: Genuine.now, expiresAt: job.expiresAt,
    claims: job.claims)
  let record = StoredRecord(kind: WorkloadBinding.kind, id: "f", value: binding.encoded, expiresAt: nil, version: 1)
  guard WorkloadBinding(record) == binding else { fatalError("another binding after writing and reading") }
  guard let pattern = try? ClaimPattern("idp/*-*") else { fatalError("no pattern") }
  let trust = WorkloadTrust(
    issuer: issuer, audience: "edge", conditions: [ClaimCondition(path: ["sub"], patterns: [pattern])])
  if trust.obstacle(to: job.claims) == nil, !job.claims.subject.utf8.starts(with: "idp/".utf8) {
    fatalError("another job")
  }
}

private func readCallback(_ text: String) {
  _ = try? WorkloadKey(line: text)
  let pairs = QueryString.parse(text)
  let again = QueryString.parse(QueryString.encode(pairs))
  guard pairs.count == again.count, zip(pairs, again).allSatisfy({ $0 == $1 }) else { fatalError("other parameters") }
  _ = try? QueryString.single("state", in: pairs)
  if let url = WebURL(text), WebURL(url.origin + url.rest) != url { fatalError("another address: \(text)") }
  _ = SignInAttempt(sealed: text, key: [UInt8](repeating: 7, count: 32))
}
