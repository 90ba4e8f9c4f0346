import EdgeCrypto
import Policy
import Store
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// An identity with a scripted provider, and the walks that tests share.
struct Harness {
  let clock: TestClock
  let provider: ScriptedProvider
  let store: any RecordStore
  let identity: Identity
  let changes = Recorder()

  static let authenticateURL = "https://auth.example.test"

  static func configuration() -> IdentityConfiguration {
    var configuration = IdentityConfiguration(
      authenticateURL: authenticateURL, sharedSecret: [UInt8](repeating: 7, count: 32),
      provider: ProviderConfiguration(
        name: "oidc", issuer: "https://idp.example", clientID: "edge", clientSecret: "s3cret:+"))
    configuration.sshSignInCheck = .auto
    return configuration
  }

  init(
    clock: TestClock = TestClock(), store: (any RecordStore)? = nil, provider: ScriptedProvider? = nil,
    _ change: (inout IdentityConfiguration) -> Void = { _ in }
  ) async throws {
    self.clock = clock
    self.provider = provider ?? ScriptedProvider(clock: clock)
    self.store = store ?? MemoryStore(clock: clock.source)
    var configuration = Self.configuration()
    change(&configuration)
    identity = try await Identity(
      configuration, store: self.store, fetcher: self.provider, clock: clock.source, random: SecureRandom.source,
      logger: quiet)
    let changes = changes
    identity.onChange { changes.add($0) }
  }

  /// The whole way through the provider, in one browser.
  func signIn(returnTo: SignInReturn = .path("/")) async throws -> SignInFinish {
    let start = try await identity.beginSignIn(returnTo: returnTo, cookies: [])
    return try await identity.finishSignIn(
      query: provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)])
  }

  func session(_ person: String = "alice") async throws -> Session {
    provider.change { state in
      state.person["sub"] = .string("\(person)-1")
      state.person["email"] = .string("\(person)@example.test")
    }
    return try await signIn().session
  }

  static func request(
    key: String = "SHA256:key", scope: BindingScope = .edge, from source: String = "192.0.2.1"
  ) -> SSHSignInRequest {
    SSHSignInRequest(
      keyFingerprint: key, keyType: "ssh-ed25519", scope: scope, sourceAddress: source,
      clientVersion: "SSH-2.0-OpenSSH_9.2", username: "alice", hostKeyFingerprints: ["SHA256:host"])
  }

  /// Opens the page and authorizes, from the ssh client's own address.
  @discardableResult
  func approve(
    _ signIn: SSHSignIn, as session: Session, browser: String = "192.0.2.1"
  ) async throws -> SSHApproval {
    try identity.markOpened(code: signIn.code, by: session)
    return try await identity.approve(code: signIn.code, session: session, browserAddress: browser)
  }
}

/// The changes that observers were told.
final class Recorder: Sendable {
  private let changes = Mutex<[SessionChange]>([])
  var all: [SessionChange] { changes.withLock { $0 } }
  func add(_ change: SessionChange) { changes.withLock { $0.append(change) } }
}
