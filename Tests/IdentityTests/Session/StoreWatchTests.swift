import Policy
import Store
import StoreDoubles
import Synchronization
import TestSupport
import Testing

@testable import Identity

@Suite struct StoreWatchTests {
  func change(_ kind: RecordKind, _ id: String, _ action: RecordChange.Action) -> RecordChange {
    RecordChange(kind: kind, id: id, action: action, isForeign: true)
  }

  func bound(_ harness: Harness) async throws -> (Session, KeyBinding) {
    let session = try await harness.session()
    try await harness.approve(try harness.identity.beginSSHSignIn(Harness.request()), as: session)
    return (session, try #require(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge)))
  }

  @Test func aSessionThatIsDeletedElsewhereEndsHere() async throws {
    let harness = try await Harness()
    let (session, binding) = try await bound(harness)
    let events = Events()
    harness.identity.onEvent { events.add($0) }
    await harness.identity.follow(change(SessionRecord.kind, session.id, .deleted))
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(harness.changes.all.contains(.ended(sessionID: session.id)))
    #expect(
      harness.changes.all.contains(.bindingRevoked(fingerprint: binding.fingerprint, sessionID: session.id)))
    #expect(events.reasons == ["removed from the store"])
    // Told twice is ended once.
    await harness.identity.follow(change(SessionRecord.kind, session.id, .deleted))
    #expect(events.reasons.count == 1)
  }

  @Test func aKeyThatIsDeletedElsewhereEndsHereAndItsSessionDoesNot() async throws {
    let harness = try await Harness()
    let (session, binding) = try await bound(harness)
    await harness.identity.follow(change(KeyBinding.kind, binding.id, .deleted))
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(harness.identity.session(id: session.id) != nil)
  }

  @Test func aSessionThatIsChangedElsewhereIsDecidedAgain() async throws {
    let harness = try await Harness()
    let (session, _) = try await bound(harness)
    var entry = try #require(harness.identity.sessions.entry(session.id, at: harness.clock.now))
    let cookie = try #require(harness.identity.cookieValue(for: session, host: "a"))
    entry.session.subject.groups = ["other"]
    let keys = try IdentityKeys(Harness.configuration())
    try await harness.store.put(
      SessionRecord.kind, session.id, SessionRecord.encode(entry, tokenKey: keys.tokens), expiresAt: session.expiresAt)
    await harness.identity.follow(change(SessionRecord.kind, session.id, .written))
    #expect(harness.identity.session(id: session.id)?.subject.groups == ["other"])
    #expect(harness.changes.all.contains(.changed(sessionID: session.id)))
    // The browser's cookie is as good as before.
    #expect(harness.identity.session(cookie: cookie, host: "a")?.id == session.id)
  }

  /// The file was lost, not what was in it.
  @Test func whatTheStoreLostIsWrittenAgain() async throws {
    let harness = try await Harness()
    let (session, binding) = try await bound(harness)
    for (kind, id) in [(SessionRecord.kind, session.id), (KeyBinding.kind, binding.id)] {
      try await harness.store.delete(kind, id)
      await harness.identity.follow(RecordChange(kind: kind, id: id, action: .deleted))
      #expect(try await harness.store.record(kind, id) != nil)
    }
    #expect(harness.identity.session(id: session.id) != nil)
  }

  @Test func nobodyNewComesInWhileTheStoreFails() async throws {
    let clock = TestClock()
    let fragile = FragileStore(clock: clock.source)
    let store = SupervisedStore(fragile, clock: clock.source) { _ in }
    func setBroken(_ isBroken: Bool) async {
      fragile.isBroken = isBroken
      try? await store.poll(writes: false)
    }
    let harness = try await Harness(clock: clock, store: store)
    let (session, _) = try await bound(harness)
    await setBroken(true)
    // For ten seconds a sign-in waits for the store; this one has it back in time.
    async let waiting = harness.signIn()
    await setBroken(false)
    _ = try await waiting
    await setBroken(true)
    clock.advance(seconds: 10)
    let browser = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(browser?.kind == .storage && browser?.status == 503)
    let ssh = #expect(throws: IdentityError.self) {
      try harness.identity.beginSSHSignIn(Harness.request(key: "SHA256:new"))
    }
    #expect(ssh?.message.contains("cannot store sign-ins at the moment") == true)
    // Who is here stays; what ends, ends, and is deleted later.
    #expect(harness.identity.session(id: session.id) != nil)
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.identity.session(id: session.id) == nil)
    await harness.identity.sweep()
    await setBroken(false)
    #expect(try await store.record(SessionRecord.kind, session.id) != nil)
    await harness.identity.sweep()
    #expect(try await store.record(SessionRecord.kind, session.id) == nil)
    _ = try await harness.signIn()
  }

  @Test func aKeyEndsWithItsOwnTime() async throws {
    let harness = try await Harness()
    let (session, binding) = try await bound(harness)
    var short = binding
    short.expiresAt = harness.clock.now.adding(seconds: 5)
    harness.identity.bindingDirectory.load([short], [])
    harness.clock.advance(seconds: 4)
    await harness.identity.sweep()
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) != nil)
    harness.clock.advance(seconds: 1)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    await harness.identity.sweep()
    #expect(
      harness.changes.all.contains(.bindingRevoked(fingerprint: binding.fingerprint, sessionID: session.id)))
    #expect(harness.identity.session(id: session.id) != nil)
  }

  final class Events: Sendable {
    private let told = Mutex<[IdentityEvent]>([])
    func add(_ event: IdentityEvent) { told.withLock { $0.append(event) } }
    var reasons: [String] {
      told.withLock { told in
        told.compactMap { if case .sessionEnded(_, let reason) = $0 { reason } else { nil } }
      }
    }
  }
}
