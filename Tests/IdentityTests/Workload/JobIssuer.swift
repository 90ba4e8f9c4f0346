import EdgeCrypto
import Policy
import Store
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// An issuer of tokens for jobs; they are really signed.
final class JobIssuer: Fetcher {
  struct State {
    var key = TestKeys.rsa
    var keyID: String? = "k1"
    /// Instead of the list of keys.
    var keysBody: [UInt8]?
    /// Entries before our own key.
    var furtherKeys: [ClaimValue] = []
    var description: [String: ClaimValue] = [
      "issuer": .string(JobIssuer.name), "jwks_uri": .string(JobIssuer.name + "/keys"),
    ]
    var status = 200
    var failure: FetchError.Kind?
    /// Whoever asks waits.
    var isHeld = false
    var fetched: [String] = []
  }

  static let name = "https://jobs.example"
  static let audience = "https://edge.example"

  let state = Mutex(State())
  let clock: TestClock

  init(clock: TestClock) { self.clock = clock }

  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  var fetched: [String] { state.withLock { $0.fetched } }

  func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
    while state.withLock({ $0.isHeld }) { try? await Task.sleep(for: .milliseconds(2)) }
    let answer: FetchResponse? = state.withLock { state in
      state.fetched.append(String(request.url.dropFirst(Self.name.count)))
      if state.failure != nil { return nil }
      switch request.url {
      case Self.name + "/.well-known/openid-configuration":
        return FetchResponse(status: state.status, body: JSONWriter.bytes(.object(state.description)))
      case Self.name + "/keys":
        let own = ScriptedProvider.jwk(state.key.publicKey, id: state.keyID)
        let body = state.keysBody ?? JSONWriter.bytes(.object(["keys": .list(state.furtherKeys + [own])]))
        return FetchResponse(status: state.status, body: body)
      default: return FetchResponse(status: 404, body: [])
      }
    }
    guard let answer else {
      throw FetchError(state.withLock { $0.failure } ?? .broken, url: request.url, reason: "as the test wants")
    }
    return answer
  }

  /// The claims of an honest token, changed: `nil` takes one out.
  func claims(_ changes: [String: ClaimValue?] = [:]) -> [String: ClaimValue] {
    let now = Double(clock.now.seconds)
    var claims: [String: ClaimValue] = [
      "iss": .string(Self.name), "aud": .string(Self.audience), "sub": .string("repo:org/app:ref:refs/heads/main"),
      "iat": .number(now), "exp": .number(now + 600), "jti": .string("id-\(claimed.add())"),
      "repository": .string("org/app"),
    ]
    for (name, value) in changes { claims[name] = value }
    return claims
  }

  func token(
    _ changes: [String: ClaimValue?] = [:], header: [String: ClaimValue?] = [:], key: PrivateKey? = nil,
    algorithm: SignatureAlgorithm = .rsaPKCS1SHA256
  ) throws -> String {
    let (own, keyID) = state.withLock { ($0.key, $0.keyID) }
    var head: [String: ClaimValue] = ["alg": .string("RS256"), "typ": .string("JWT")]
    if let keyID { head["kid"] = .string(keyID) }
    for (name, value) in header { head[name] = value }
    let content =
      Base64.encodeURL(JSONWriter.bytes(.object(head))) + "."
      + Base64.encodeURL(JSONWriter.bytes(.object(claims(changes))))
    let signature = try (key ?? own).sign(Array(content.utf8), algorithm: algorithm)
    return content + "." + Base64.encodeURL(signature)
  }

  private let claimed = Count()

  private final class Count: Sendable {
    private let value = Mutex(0)
    func add() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }
}

/// An identity with service accounts whose jobs have tokens.
struct JobHarness {
  let clock: TestClock
  let issuer: JobIssuer
  let store: any RecordStore
  let identity: Identity
  let changes = Recorder()
  let events = EventRecorder()

  static let source = "192.0.2.7"
  static let publicKey = line([1])

  init(
    clock: TestClock = TestClock(), store: (any RecordStore)? = nil, issuer: JobIssuer? = nil,
    _ accounts: [ServiceAccount]? = nil
  ) async throws {
    self.clock = clock
    self.issuer = issuer ?? JobIssuer(clock: clock)
    self.store = store ?? MemoryStore(clock: clock.source)
    identity = try await Identity(
      Harness.configuration(), store: self.store, fetcher: self.issuer, clock: clock.source,
      random: SecureRandom.source, logger: quiet)
    identity.replace(serviceAccounts: ServiceAccounts(try accounts ?? [Self.account(clock: clock)]))
    let (changes, events) = (changes, events)
    identity.onChange { changes.add($0) }
    identity.onEvent { events.add($0) }
  }

  static func trust(
    repository: String = "org/app", audience: String = JobIssuer.audience, azp: String? = nil
  ) throws -> WorkloadTrust {
    var conditions = [ClaimCondition(path: ["repository"], patterns: [try ClaimPattern(repository)])]
    if let azp { conditions.append(ClaimCondition(path: ["azp"], patterns: [try ClaimPattern(azp)])) }
    return WorkloadTrust(issuer: WorkloadIssuer(name: JobIssuer.name), audience: audience, conditions: conditions)
  }

  static func account(
    _ name: String = "ci", keys: [[UInt8]] = [], repository: String = "org/app", clock: TestClock,
    for seconds: Int64 = 86_400, sources: [AddressRange] = []
  ) throws -> ServiceAccount {
    ServiceAccount(
      name: name, keys: keys, workloads: [try trust(repository: repository)],
      expiresAt: clock.now.adding(seconds: seconds), sources: sources, hosts: ["preview.example.com"])
  }

  /// The line of a `.pub` file.
  static func line(_ seed: [UInt8]) -> String { "ssh-ed25519 \(Base64.encode(blob(seed))) job" }

  static func blob(_ seed: [UInt8]) -> [UInt8] {
    let type = Array("ssh-ed25519".utf8)
    let key = Digest.sha256(seed)
    return [0, 0, 0, UInt8(type.count)] + type + [0, 0, 0, UInt8(key.count)] + key
  }

  static func fingerprint(_ seed: [UInt8] = [1]) -> String {
    "SHA256:" + Base64.encode(Digest.sha256(blob(seed))).filter { $0 != "=" }
  }

  @discardableResult
  func bind(_ token: String? = nil, key: String = publicKey, from source: String = source) async throws
    -> WorkloadBinding
  {
    try await identity.bindWorkloadKey(token: token ?? issuer.token(), key: key, source: source).binding
  }

  /// The refusal of a token for a key.
  func refusal(_ token: String? = nil, key: String = publicKey, from source: String = source) async throws
    -> WorkloadRefusal?
  {
    let token = try token ?? issuer.token()
    do throws(WorkloadRefusal) {
      _ = try await identity.bindWorkloadKey(token: token, key: key, source: source)
      return nil
    } catch {
      return error
    }
  }

  func admit(_ fingerprint: String = fingerprint(), from source: String = source) -> ServiceAccounts.Answer {
    identity.workloads.admit(fingerprint: fingerprint, source: source)
  }

  func subject(_ fingerprint: String = fingerprint()) -> Subject? {
    guard case .admitted(let subject) = admit(fingerprint) else { return nil }
    return subject
  }
}

final class EventRecorder: Sendable {
  private let events = Mutex<[WorkloadEvent]>([])
  var all: [WorkloadEvent] { events.withLock { $0 } }
  func add(_ event: IdentityEvent) {
    if case .workload(let event) = event { events.withLock { $0.append(event) } }
  }
}
