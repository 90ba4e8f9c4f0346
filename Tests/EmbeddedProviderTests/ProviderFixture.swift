import EdgeCrypto
import Foundation
import Logging
import NIOPosix
import Synchronization
import TestSupport

@testable import EmbeddedProvider

/// A provider with two users and a clock of its own, asked without a socket.
struct ProviderFixture {
  let service: ProviderService
  let clock: TestClock

  static let redirect = "https://auth.localhost:8443/oauth2/callback"
  static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
  static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

  /// bcrypt of `alice-password` and `bob-password` at the lowest cost, to be quick.
  static func file(extra: String = "", approval: Bool = true) -> String {
    """
    issuer: http://localhost:5556/dex
    storage: {type: memory}
    web: {http: 0.0.0.0:5556}
    oauth2: {responseTypes: ["code"], skipApprovalScreen: \(approval)}
    expiry:
      idTokens: 10m
      authRequests: 5m
      signingKeys: 6h
      refreshTokens: {reuseInterval: 3s, validIfNotUsedFor: 2h, absoluteLifetime: 24h}
    enablePasswordDB: true
    staticClients:
    - {id: pomerium, name: Tunnel edge, secret: pomerium-client-secret, redirectURIs: ["\(redirect)"]}
    - {id: other, name: Other, secret: other-secret, redirectURIs: ["https://other.localhost/cb"]}
    staticPasswords:
    - {email: alice@example.com, hash: "\(aliceHash)", username: Alice, userID: "08a8684b-db88-4b73-90a9-3cd1661f5466"}
    - {email: bob@example.com, hash: "\(bobHash)", username: Bob, userID: "bob-1", groups: [staff]}
    \(extra)
    """
  }

  static let aliceHash = "$2b$04$abcdefghijklmnopqrstuuUjZTeDDwje0UmqCY0iGhdozEfNTDyA6"
  static let bobHash = "$2b$04$abcdefghijklmnopqrstuuigviMnTL7PpWsi3c8uj32he27OfP0fi"

  init(
    approval: Bool = true, directory: TemporaryDirectory? = nil, clock: TestClock = TestClock(seconds: 1_800_000_000)
  ) throws {
    self.clock = clock
    let configuration = try ProviderConfiguration(text: Array(Self.file(approval: approval).utf8), name: "dex.yaml")
    let kept = try directory ?? TemporaryDirectory()
    service = try ProviderService(
      configuration: configuration, directory: try KeyDirectory(path: kept.path), clock: { clock.now.milliseconds },
      random: SecureRandom.source, logger: Logger(label: "test"))
  }

  // MARK: Asking

  func ask(
    _ method: String, _ path: String, query: String = "", form: String? = nil, headers: [(String, String)] = []
  ) async -> ProviderResponse {
    var all = [("host", "localhost:5556")] + headers
    if form != nil { all.append(("content-type", "application/x-www-form-urlencoded")) }
    return await service.respond(
      to: ProviderRequest(
        method: method, path: "/dex" + path, query: FormFields(query), headers: all.map { (name: $0.0, value: $0.1) },
        body: Array((form ?? "").utf8)))
  }

  static func authorizeQuery(_ changes: [String: String?] = [:]) -> String {
    var fields: [String: String?] = [
      "client_id": "pomerium", "redirect_uri": redirect, "response_type": "code",
      "scope": "openid email profile groups offline_access", "state": "st4te", "nonce": "n0nce",
      "code_challenge": challenge, "code_challenge_method": "S256",
    ]
    for (name, value) in changes { fields[name] = value }
    return fields.compactMap { name, value in value.map { "\(name)=\(FormFields.encode($0))" } }.joined(separator: "&")
  }

  /// Up to the form: the id of the sign-in and the cookie that belongs to it.
  func begin(_ changes: [String: String?] = [:]) async throws -> (id: String, cookie: String) {
    let response = await ask("GET", "/auth", query: Self.authorizeQuery(changes))
    let location = try requireValue(response.header("location"))
    let cookie = try requireValue(response.header("set-cookie")?.split(separator: ";").first.map(String.init))
    let id = try requireValue(location.split(separator: "=").last.map(String.init))
    return (id, cookie)
  }

  func submit(
    _ begun: (id: String, cookie: String), login: String = "alice@example.com", password: String = "alice-password",
    headers: [(String, String)] = []
  ) async -> ProviderResponse {
    await ask(
      "POST", "/auth/local/login", query: "state=\(begun.id)",
      form: "state=\(begun.id)&login=\(FormFields.encode(login))&password=\(FormFields.encode(password))",
      headers: [("cookie", begun.cookie)] + headers)
  }

  /// A whole sign-in: the code.
  func code(_ changes: [String: String?] = [:]) async throws -> String {
    let response = await submit(try await begin(changes))
    let location = try requireValue(response.header("location"))
    let query = FormFields(String(location.split(separator: "?").last ?? ""))
    return try requireValue(query["code"])
  }

  func redeem(_ code: String, _ changes: [String: String?] = [:], headers: [(String, String)] = []) async
    -> ProviderResponse
  {
    var fields: [String: String?] = [
      "grant_type": "authorization_code", "code": code, "redirect_uri": Self.redirect, "code_verifier": Self.verifier,
      "client_id": "pomerium", "client_secret": "pomerium-client-secret",
    ]
    for (name, value) in changes { fields[name] = value }
    let form = fields.compactMap { name, value in value.map { "\(name)=\(FormFields.encode($0))" } }
    return await ask("POST", "/token", form: form.joined(separator: "&"), headers: headers)
  }

  func refresh(_ token: String) async -> ProviderResponse {
    await ask(
      "POST", "/token",
      form: "grant_type=refresh_token&refresh_token=\(token)&client_id=pomerium&client_secret=pomerium-client-secret")
  }
}

/// What `#require` is for, outside of a test function.
func requireValue<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw MissingValue() }
  return value
}
struct MissingValue: Error {}

extension ProviderResponse {
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
  var text: String { String(decoding: body, as: UTF8.self) }
  func member(_ name: String) -> String? {
    (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])?[name].map { "\($0)" }
  }
}

/// The claims of a compact token.
func claims(_ token: String) -> [String: Any] {
  let parts = token.split(separator: ".")
  guard parts.count == 3, let body = Base64.decodeURL(String(parts[1])) else { return [:] }
  return (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
}
