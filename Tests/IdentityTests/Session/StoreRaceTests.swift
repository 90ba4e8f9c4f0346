import Policy
import Store
import StoreDoubles
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// A store in whose calls a test does something else, as another task might meanwhile.
final class HookedStore: StoreDouble {
  typealias Hook = @Sendable () async throws(StoreError) -> Void

  let store: MemoryStore
  private let reading = Mutex<Hook?>(nil)
  private let writing = Mutex<[RecordKind: Hook]>([:])

  init(clock: @escaping UnixClock) { store = MemoryStore(clock: clock) }

  /// After the next record was read, before the reader has it.
  func whenRead(_ hook: @escaping Hook) { reading.withLock { $0 = hook } }

  /// Before the next record of this kind is written.
  func whenWritten(_ kind: RecordKind, _ hook: @escaping Hook) { writing.withLock { $0[kind] = hook } }

  func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    let record = try await store.record(kind, id)
    let hook = reading.withLock { hook in
      defer { hook = nil }
      return hook
    }
    try await hook?()
    return record
  }

  func before(_ call: StoreCall) async throws(StoreError) {
    guard case .put(let kind) = call else { return }
    let hook = writing.withLock { $0.removeValue(forKey: kind) }
    try await hook?()
  }
}

/// What is taken away while the store is waited for stays taken away.
@Suite struct StoreRaceTests {
  let clock = TestClock()
  let store: HookedStore

  init() { store = HookedStore(clock: clock.source) }

  private func storedEntry(_ session: Session) async throws -> SessionDirectory.Entry? {
    let key = try IdentityKeys(Harness.configuration()).tokens
    return try await store.record(SessionRecord.kind, session.id)
      .flatMap { SessionRecord.decode($0, tokenKey: key, refreshAt: clock.now) }
  }

  /// The refresh of a session writes what it had before the person signed this browser out.
  @Test func anEarlierStateIsNotWrittenOverALaterOne() async throws {
    let harness = try await Harness(clock: clock, store: store)
    let session = try await harness.session()
    let earlier = try #require(harness.identity.sessions.entry(session.id, at: clock.now))
    await harness.identity.signOutBrowser(sessionID: session.id)
    await harness.identity.write(earlier)
    #expect(try await storedEntry(session)?.acceptsCookies == false)
  }

  @Test func aSessionThatEndsWhileItIsWrittenIsNotLeftBehind() async throws {
    let harness = try await Harness(clock: clock, store: store)
    let session = try await harness.session()
    let identity = harness.identity
    store.whenWritten(SessionRecord.kind) { await identity.signOut(sessionID: session.id) }
    await identity.write(try #require(identity.sessions.entry(session.id, at: clock.now)))
    #expect(try await storedEntry(session) == nil)
  }

  @Test func aSessionThatEndsWhileAChangeIsReadStaysEnded() async throws {
    let harness = try await Harness(clock: clock, store: store)
    let session = try await harness.session()
    let identity = harness.identity
    store.whenRead { await identity.signOut(sessionID: session.id) }
    await identity.follow(
      RecordChange(kind: SessionRecord.kind, id: session.id, action: .written, isForeign: true))
    #expect(identity.session(id: session.id) == nil)
  }

  @Test func whatAnotherProgramDoesToTheSessionOfARoutesClientCounts() async throws {
    var other = Harness.configuration().provider
    other.clientID = "other"
    let harness = try await Harness(clock: clock, store: store) { $0.routeClients = [other] }
    harness.provider.change { state in state.alter = { $0.claims["aud"] = .string("other") } }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [], client: other.fingerprint)
    let session = try await harness.identity.finishSignIn(
      query: harness.provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)]
    ).session
    var entry = try #require(harness.identity.sessions.entry(session.id, at: clock.now))
    entry.session.subject.groups = ["fewer"]
    let key = try IdentityKeys(Harness.configuration()).tokens
    try await store.put(
      SessionRecord.kind, session.id, SessionRecord.encode(entry, tokenKey: key), expiresAt: session.expiresAt)
    await harness.identity.follow(
      RecordChange(kind: SessionRecord.kind, id: session.id, action: .written, isForeign: true))
    #expect(harness.identity.session(id: session.id)?.subject.groups == ["fewer"])
  }

  /// The store fails while a key is bound, and the key is used meanwhile: it stays nobody's, and whoever it let in is asked again.
  @Test func aKeyThatCouldNotBeStoredIsNobodysThoughItWasUsed() async throws {
    let harness = try await Harness(clock: clock, store: store)
    let session = try await harness.session()
    let identity = harness.identity
    store.whenWritten(KeyBinding.kind) { () async throws(StoreError) in
      _ = identity.logIn(Harness.request(from: "192.0.2.99"))
      throw StoreError(.inaccessible, "disk full")
    }
    let waiting = try identity.beginSSHSignIn(Harness.request())
    await #expect(throws: IdentityError.self) { try await harness.approve(waiting, as: session) }
    #expect(identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(harness.changes.all == [.bindingRevoked(fingerprint: "SHA256:key", sessionID: session.id)])
    waiting.hangUp()
  }
}
