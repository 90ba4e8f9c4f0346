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
    /// The edge's own client, and those of routes by their fingerprints.
    let provider: any SignInProvider
    let routeProviders: [String: any SignInProvider]
    let assertions: AssertionSigner
    let providerFingerprint: String

    init(
      _ configuration: IdentityConfiguration, after old: Settings? = nil, now: UnixTime = .init(seconds: 0),
      provider: (ProviderConfiguration) -> any SignInProvider
    ) throws(IdentityError) {
      self.configuration = configuration
      self.provider = provider(configuration.provider)
      routeProviders = Dictionary(
        configuration.routeClients.map { ($0.fingerprint, provider($0)) }, uniquingKeysWith: { first, _ in first })
      keys = try IdentityKeys(configuration)
      assertions = try AssertionSigner(key: keys.assertion, after: old?.assertions, now: now)
      providerFingerprint = configuration.provider.fingerprint
    }

    /// The provider of a session or sign-in, by `Session.client`; nil when it is not there any more.
    func provider(of client: String?) -> (any SignInProvider)? {
      client.map { routeProviders[$0] } ?? provider
    }

    /// Whether the provider and client that a session came from are what they were.
    func accepts(_ entry: SessionDirectory.Entry) -> Bool {
      provider(of: entry.session.client)?.configuration.fingerprint == entry.providerFingerprint
    }

    var allProviders: [any SignInProvider] { [provider] + routeProviders.values }
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
  let tokenDirectory: ProgramTokens
  package let workloads: WorkloadDesk
  let observers = Observers<SessionChange>()
  let events = Observers<IdentityEvent>()
  let codes: Mutex<SignInCodes>
  let handOvers = Mutex(HandOverCodes())
  let journeys = Mutex(JourneyCodes())
  let providerSignOuts = Mutex(ProviderSignOuts())
  package let browserSignIns = BrowserSignIns()
  let usedStates = Mutex(UsedStates())
  let answeredLogins = Mutex(AnsweredLogins())
  let usedTokenIDs = Mutex(UsedTokenIDs())
  let signInWarnings: BoundedWarnings
  package let logoutWarnings: BoundedWarnings
  let exchanges: ExchangeGate
  let backlog = Mutex(Backlog())
  let grantRevocations = Mutex(GrantRevocations())
  /// By the fingerprints of clients.
  let refusals = Mutex<[String: RefusalWatch]>([:])
  private let current: Mutex<Settings>
  private let accounts = Mutex(ServiceAccounts([]))

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
    signInWarnings = BoundedWarnings(clock: clock)
    logoutWarnings = BoundedWarnings(clock: clock)
    sessions = SessionDirectory()
    bindingDirectory = BindingDirectory(sessions: sessions, clock: clock)
    tokenDirectory = ProgramTokens(sessions: sessions, clock: clock)
    workloads = WorkloadDesk(
      store: store, fetcher: fetcher, clock: clock, logger: logger, people: bindingDirectory, changes: observers,
      events: events)
    codes = Mutex(SignInCodes())
    exchanges = ExchangeGate(clock: clock)
    let settings = try Settings(configuration) { configuration in
      Self.provider(configuration, fetcher: fetcher, clock: clock, logger: logger)
    }
    current = Mutex(settings)
    try await load()
  }

  /// Takes a changed configuration. Another issuer or client id ends the sessions that came from the old one.
  package func replace(_ configuration: IdentityConfiguration) async throws(IdentityError) {
    let old = settings
    // What is known of a provider that stays is kept.
    let new = try Settings(configuration, after: old, now: clock()) { configuration in
      old.allProviders.first { $0.configuration == configuration }
        ?? Self.provider(configuration, fetcher: fetcher, clock: clock, logger: logger)
    }
    current.withLock { $0 = new }
    refusals.withLock { $0 = [:] }
    if old.providerFingerprint != new.providerFingerprint
      || old.configuration.authenticateURL != new.configuration.authenticateURL
    {
      let outcome = SSHSignInOutcome.refused("Signing in works differently now. Connect again for a new link.")
      for notice in codes.withLock({ $0.endAll(outcome) }) { tell(notice) }
    }
    await end(sessions.sessions(unless: new.accepts), reason: "the identity provider was changed")
  }

  /// The programs that publish and visit by themselves, as of now.
  package var serviceAccounts: ServiceAccounts { accounts.withLock { $0 } }

  /// At once, before anything is decided again; not with the rest, which may wait for the store.
  package func replace(serviceAccounts: ServiceAccounts) {
    accounts.withLock { $0 = serviceAccounts }
    workloads.replace(serviceAccounts)
  }

  /// Hears of every change, off all locks, on whatever thread the change was made.
  package func onChange(_ observer: @escaping @Sendable (SessionChange) -> Void) { observers.add(observer) }

  /// Hears of what belongs in the audit log, in the course of whatever caused it (`AskingRequest.current`).
  package func onEvent(_ observer: @escaping @Sendable (IdentityEvent) -> Void) { events.add(observer) }

  /// Asks the provider to describe itself, so that a mistake shows at the start instead of at the first sign-in.
  package func checkProvider() async -> IdentityError? {
    do throws(IdentityError) {
      try await settings.provider.check()
      return nil
    } catch {
      return error
    }
  }

  private static func provider(
    _ configuration: ProviderConfiguration, fetcher: any Fetcher, clock: @escaping UnixClock, logger: Logger
  ) -> any SignInProvider {
    switch configuration.dialect {
    case .openIDConnect:
      ProviderClient(configuration: configuration, fetcher: fetcher, clock: clock, logger: logger)
    case .gitHub: GitHubClient(configuration: configuration, fetcher: fetcher, clock: clock, logger: logger)
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
        if let entry, settings.accepts(entry) {
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
      try await workloads.load()
      bindingDirectory.load(bindings, try await store.records(KnownKey.kind).compactMap { KnownKey($0) })
      var tokens: [ProgramToken] = []
      for record in try await store.records(ProgramToken.kind) {
        if let token = ProgramToken(record), sessions.session(token.sessionID, at: clock()) != nil {
          tokens.append(token)
        } else {
          try await store.delete(ProgramToken.kind, record.id)
        }
      }
      tokenDirectory.load(tokens)
      logger.info("sessions loaded", metadata: ["sessions": "\(loaded)", "bindings": "\(bindings.count)"])
    } catch {
      throw IdentityError(.storage, "The stored sessions cannot be read.", diagnostics: "\(error)")
    }
  }
}
