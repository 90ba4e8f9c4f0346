import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Who is signed in, who holds which ssh key, and how one becomes either.
///
/// Everything the request path asks is in memory behind short locks; the store follows every change, and is read once,
/// at the start. Decisions about browsers and providers are async and never run on an event loop.
package final class Identity: Sendable {
  /// What a reload replaces as a whole. A class, because the request path takes it for every cookie.
  final class Settings: Sendable {
    let configuration: IdentityConfiguration
    let keys: IdentityKeys
    let provider: ProviderClient
    let assertions: AssertionSigner
    let providerFingerprint: String

    init(_ configuration: IdentityConfiguration, provider: ProviderClient) throws(IdentityError) {
      self.configuration = configuration
      self.provider = provider
      keys = try IdentityKeys(configuration)
      assertions = try AssertionSigner(key: keys.assertion)
      providerFingerprint = configuration.provider.fingerprint
    }
  }

  /// Store work that failed and is tried again.
  struct Backlog: Sendable {
    struct Deletion: Sendable, Hashable {
      var kind: RecordKind
      var id: String
    }
    var deletions: Set<Deletion> = []
    var sessions: Set<String> = []
    var lastCleanUp = UnixTime(milliseconds: 0)
    var isSweeping = false
    var isRefreshing = false
  }

  let store: any RecordStore
  let fetcher: any Fetcher
  let clock: UnixClock
  let random: RandomSource
  let logger: Logger
  let sessions: SessionDirectory
  let bindingDirectory: BindingDirectory
  let observers = ChangeObservers()
  let codes: Mutex<SignInCodes>
  let handOvers = Mutex(HandOverCodes())
  let journeys = Mutex(JourneyCodes())
  package let browserSignIns = BrowserSignIns()
  let usedStates = Mutex(UsedStates())
  let usedTokenIDs = Mutex(UsedTokenIDs())
  let backlog = Mutex(Backlog())
  private let current: Mutex<Settings>

  /// Loads the sessions and bindings that are still live.
  package init(
    _ configuration: IdentityConfiguration, store: any RecordStore, fetcher: any Fetcher, clock: @escaping UnixClock,
    random: @escaping RandomSource, logger: Logger
  ) async throws(IdentityError) {
    self.store = store
    self.fetcher = fetcher
    self.clock = clock
    self.random = random
    self.logger = logger
    sessions = SessionDirectory()
    bindingDirectory = BindingDirectory(sessions: sessions, clock: clock)
    codes = Mutex(SignInCodes())
    let provider = ProviderClient(configuration: configuration.provider, fetcher: fetcher, clock: clock)
    current = Mutex(try Settings(configuration, provider: provider))
    try await load()
  }

  /// Takes a changed configuration. Another issuer or client id ends the sessions that came from the old one.
  package func replace(_ configuration: IdentityConfiguration) async throws(IdentityError) {
    let old = settings
    // What is known of a provider that stays is kept.
    let provider =
      old.configuration.provider == configuration.provider
      ? old.provider : ProviderClient(configuration: configuration.provider, fetcher: fetcher, clock: clock)
    let new = try Settings(configuration, provider: provider)
    current.withLock { $0 = new }
    if old.providerFingerprint != new.providerFingerprint
      || old.configuration.authenticateURL != new.configuration.authenticateURL
    {
      let outcome = SSHSignInOutcome.refused("Signing in works differently now. Connect again for a new link.")
      for notice in codes.withLock({ $0.endAll(outcome) }) { tell(notice) }
    }
    await end(sessions.sessions(notFrom: new.providerFingerprint), reason: "the identity provider was changed")
  }

  /// Hears of every change, off all locks, on whatever thread the change was made.
  package func onChange(_ observer: @escaping @Sendable (SessionChange) -> Void) { observers.add(observer) }

  /// Asks the provider to describe itself, so that a mistake shows at the start instead of at the first sign-in.
  package func checkProvider() async -> IdentityError? {
    do throws(IdentityError) {
      _ = try await settings.provider.discover()
      return nil
    } catch {
      return error
    }
  }

  package var providerName: String { settings.configuration.provider.name }
  package var authenticateURL: String { settings.configuration.authenticateURL }
  package var cookieName: String { "__Host-\(settings.configuration.cookieName)" }

  var settings: Settings { current.withLock { $0 } }

  private func load() async throws(IdentityError) {
    do throws(StoreError) {
      try await store.removeExpired()
      let settings = settings
      var loaded = 0
      for record in try await store.records(SessionRecord.kind) {
        // Spread over a minute, so that a restart does not send every session to the provider at once.
        let spread = Int64(record.id.utf8.reduce(0) { $0 &* 31 &+ UInt32($1) } % 60)
        let entry = SessionRecord.decode(
          record, tokenKey: settings.keys.tokens, refreshAt: clock().adding(seconds: 30 + spread))
        if let entry, entry.providerFingerprint == settings.providerFingerprint {
          sessions.insert(entry)
          loaded += 1
        } else {
          try await store.delete(SessionRecord.kind, record.id)
        }
      }
      var bindings: [KeyBinding] = []
      for record in try await store.records(KeyBinding.kind) {
        if let binding = KeyBinding(record), sessions.session(binding.sessionID, at: clock()) != nil {
          bindings.append(binding)
        } else {
          try await store.delete(KeyBinding.kind, record.id)
        }
      }
      bindingDirectory.load(bindings, try await store.records(KnownKey.kind).compactMap { KnownKey($0) })
      logger.info("sessions loaded", metadata: ["sessions": "\(loaded)", "bindings": "\(bindings.count)"])
    } catch {
      throw IdentityError(.storage, "The stored sessions cannot be read.", diagnostics: "\(error)")
    }
  }
}
