import EdgeCrypto
import Policy
import Store
import TestSupport
import Testing

@testable import Identity

/// Keys that jobs get for their tokens.
@Suite struct WorkloadKeyTests {
  @Test func aTokenCountsOnce() async throws {
    let harness = try await JobHarness()
    for token in [try harness.issuer.token(), try harness.issuer.token(["jti": nil])] {
      try await harness.bind(token)
      #expect(try await harness.refusal(token)?.kind == .conflict)
      #expect(try await harness.refusal(token, key: JobHarness.line([2]))?.message.contains("used before") == true)
    }
    #expect(harness.admit(JobHarness.fingerprint([2])) == .notOne)
  }

  /// An ECDSA signature has a twin that anybody can make; what counts is what was signed.
  @Test func anotherSignatureDoesNotMakeAnotherToken() async throws {
    let harness = try await JobHarness()
    harness.issuer.change { $0.key = TestKeys.p256 }
    let header: [String: ClaimValue?] = ["alg": .string("ES256")]
    let token = try harness.issuer.token(["jti": nil], header: header, algorithm: .ecdsaSHA256)
    let content = token.split(separator: ".").prefix(2).joined(separator: ".")
    let twin = content + "." + Base64.encodeURL(try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256))
    try await harness.bind(token)
    #expect(twin != token)
    #expect(try await harness.refusal(twin)?.message.contains("used before") == true)
  }

  @Test func ofTwoAtOnceOneWins() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token()
    let won = await withTaskGroup(of: Bool.self) { group in
      for seed in 1...8 {
        group.addTask { (try? await harness.bind(token, key: JobHarness.line([UInt8(seed)]))) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(won == 1)
    #expect((1...8).count { harness.admit(JobHarness.fingerprint([UInt8($0)])) != .notOne } == 1)
  }

  @Test func whatIsStoredSurvivesARestart() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token()
    try await harness.bind(token)
    let subject = try #require(harness.subject())
    let again = try await JobHarness(clock: harness.clock, store: harness.store)
    #expect(again.subject() == subject)
    #expect(try await again.refusal(token, key: JobHarness.line([2]))?.message.contains("used before") == true)
    // The key is nobody else's after the restart, either.
    let person = try await Harness(clock: harness.clock, store: harness.store)
    let session = try await person.session()
    let signIn = try person.identity.beginSSHSignIn(Harness.request(key: JobHarness.fingerprint()))
    await #expect(throws: IdentityError.self) { try await person.approve(signIn, as: session) }
  }

  @Test func itEndsWithTheTokenOrTheLongestSessionOrTheAccount() async throws {
    let harness = try await JobHarness()
    let now = harness.clock.now
    func end(_ seconds: Double) async throws -> UnixTime {
      try await harness.bind(
        try harness.issuer.token(["exp": .number(Double(now.seconds) + seconds)]),
        key: JobHarness.line([UInt8(seconds / 60)])
      ).expiresAt
    }
    #expect(try await end(60) == now.adding(seconds: 60))
    #expect(try await end(7200) == now.adding(seconds: 3600))
    let short = try await JobHarness([try JobHarness.account(clock: harness.clock, for: 30)])
    #expect(try await short.bind().expiresAt == now.adding(seconds: 30))
  }

  @Test func whoComesTooLateIsToldAndNeverSentToABrowser() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    harness.clock.advance(seconds: 600)
    guard case .refused(let text) = harness.admit() else {
      Issue.record("\(harness.admit())")
      return
    }
    #expect(text.contains("ended on 2023-11-14 at 22:23 UTC") && text.contains("fresh token"))
    await harness.identity.sweep()
    guard case .keyEnded(let binding) = harness.events.all.last else {
      Issue.record("\(harness.events.all)")
      return
    }
    #expect(binding.fingerprint == JobHarness.fingerprint())
    await harness.identity.sweep()
    #expect(harness.events.all.count == 2)
    // An hour later it is nobody's key.
    harness.clock.advance(seconds: 3600)
    await harness.identity.sweep()
    #expect(harness.admit() == .notOne)
  }

  /// Each job makes a key of its own; what is kept of them must not grow with their number.
  @Test func keysOfJobsAreForgottenEverywhere() async throws {
    let harness = try await JobHarness()
    for seed in 1...3 { try await harness.bind(key: JobHarness.line([UInt8(seed)])) }
    #expect(harness.identity.bindingDirectory.reservedCount == 3)
    harness.clock.advance(seconds: 600 + WorkloadBinding.remembered)
    try await harness.bind(key: JobHarness.line([4]))
    await harness.identity.sweep()
    #expect(harness.identity.bindingDirectory.reservedCount == 1)
  }

  @Test func aFreshTokenOfTheSameJobProlongsIt() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    let first = try #require(harness.subject())
    harness.clock.advance(seconds: 500)
    try await harness.bind()
    let second = try #require(harness.subject())
    #expect(second.sessionID == first.sessionID && second.expiresAt == first.expiresAt.adding(seconds: 500))
    try await harness.bind(try harness.issuer.token(["exp": .number(Double(harness.clock.now.seconds) + 5)]))
    #expect(harness.subject() == second)
  }

  @Test func anotherJobDoesNotGetTheKey() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    let other = try harness.issuer.token(["sub": .string("repo:org/app:pull_request")])
    #expect(try await harness.refusal(other)?.kind == .conflict)
    // Nothing was used up.
    try await harness.bind(other, key: JobHarness.line([2]))
    harness.clock.advance(seconds: 601)
    try await harness.bind(try harness.issuer.token(["sub": .string("repo:org/app:pull_request")]))
  }

  @Test func aKeyThatIsOrWasAPersonsIsNotForJobs() async throws {
    let clock = TestClock()
    let store = MemoryStore(clock: clock.source)
    let person = try await Harness(clock: clock, store: store)
    let session = try await person.session()
    let signIn = try person.identity.beginSSHSignIn(Harness.request(key: JobHarness.fingerprint()))
    try await person.approve(signIn, as: session)
    person.identity.replace(serviceAccounts: ServiceAccounts([try JobHarness.account(clock: clock)]))

    let jobs = try await JobHarness(clock: clock, store: store)
    let refusal = try await jobs.refusal()
    #expect(refusal?.kind == .conflict && refusal?.message.contains("person's") == true)
    await person.identity.signOut(sessionID: session.id)
    let later = try await JobHarness(clock: clock, store: store)
    #expect(try await later.refusal()?.message.contains("person's") == true)
    try await later.bind(key: JobHarness.line([2]))
  }

  /// The link was open before the job came.
  @Test func aKeyOfAJobIsNotForPeople() async throws {
    let clock = TestClock()
    let provider = ScriptedProvider(clock: clock)
    let person = try await Harness(clock: clock, provider: provider)
    let session = try await person.session()
    let fingerprint = JobHarness.fingerprint()
    let signIn = try person.identity.beginSSHSignIn(Harness.request(key: fingerprint))
    #expect(person.identity.bindingDirectory.reserve(fingerprint, until: clock.now.adding(seconds: 60)))
    await #expect(throws: IdentityError.self) { try await person.approve(signIn, as: session) }
    #expect(person.identity.keyBinding(fingerprint: fingerprint, scope: .edge) == nil)
    clock.advance(seconds: 61)
    let again = try person.identity.beginSSHSignIn(Harness.request(key: fingerprint))
    try await person.approve(again, as: session)
  }

  @Test func aListedKeyIsNotForJobs() async throws {
    let clock = TestClock()
    let harness = try await JobHarness(
      clock: clock,
      [
        try JobHarness.account(clock: clock),
        try JobHarness.account(
          "listed", keys: [JobHarness.blob([1])], repository: "org/other", clock: clock),
      ])
    #expect(try await harness.refusal()?.message.contains("listed") == true)
  }

  @Test func theAccountsAddressesCountEachTime() async throws {
    let clock = TestClock()
    let sources = [try #require(AddressRange("192.0.2.0/24"))]
    let harness = try await JobHarness(clock: clock, [try JobHarness.account(clock: clock, sources: sources)])
    #expect(try await harness.refusal(from: "198.51.100.1")?.message.contains("may not sign in from") == true)
    try await harness.bind()
    #expect(harness.subject() != nil)
    guard case .refused(let text) = harness.admit(from: "198.51.100.1") else {
      Issue.record("admitted from elsewhere")
      return
    }
    #expect(text.contains("may not sign in from 198.51.100.1"))
  }

  @Test func whatTheConfigurationTakesAwayEndsAtOnce() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    let clock = harness.clock
    let account = try JobHarness.account(clock: clock)
    func now(_ accounts: [ServiceAccount]) -> Bool {
      harness.identity.replace(serviceAccounts: ServiceAccounts(accounts))
      return harness.subject() != nil
    }
    #expect(now([account]))
    #expect(!now([]))
    #expect(now([account]))
    var changed = account
    changed.workloads = [try JobHarness.trust(repository: "org/else")]
    #expect(!now([changed]))
    changed.workloads = [try JobHarness.trust(audience: "https://else.example")]
    #expect(!now([changed]))
    changed.workloads = [try JobHarness.trust()]
    changed.workloads[0].issuer.keysURL = "https://jobs.example/others"
    #expect(!now([changed]))
    changed.workloads = [try JobHarness.trust()]
    changed.workloads[0].conditions = []
    #expect(!now([changed]))
    changed = account
    changed.name = "another"
    #expect(!now([changed]))
    changed = account
    changed.expiresAt = clock.now
    #expect(!now([changed]))
    changed.expiresAt = clock.now.adding(seconds: 5)
    #expect(now([changed]))
    #expect(harness.subject()?.expiresAt == clock.now.adding(seconds: 5))
  }

  @Test(arguments: [
    "", "ssh-ed25519", "AAAA", "ssh-ed25519 AAAA", "ssh-ed25519 !!!!",
    JobHarness.publicKey + "\n" + JobHarness.publicKey,
    "command=\"x\" " + JobHarness.publicKey, "ssh-rsa " + JobHarness.publicKey.split(separator: " ")[1],
    String(repeating: "a", count: 9000), "ssh-ed25519 " + String(repeating: "A", count: 8192),
  ])
  func whatIsNoKey(_ line: String) async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token()
    #expect(try await harness.refusal(token, key: line)?.kind == .badRequest)
    // The token is as good as before.
    try await harness.bind(token)
  }

  @Test func aKeyFileIsTakenAsItIs() async throws {
    let harness = try await JobHarness()
    #expect(try await harness.bind(key: JobHarness.publicKey + "\n").fingerprint == JobHarness.fingerprint())
    #expect(try await harness.bind(key: JobHarness.publicKey + " x y\r\n").fingerprint == JobHarness.fingerprint())
  }

  @Test func anAddressThatAsksTooOftenWaits() async throws {
    let harness = try await JobHarness()
    for _ in 0..<SourceBudget.burst { #expect(try await harness.refusal("x")?.kind == .untrusted) }
    let refusal = try #require(try await harness.refusal())
    #expect(refusal.kind == .tooMany && refusal.status == 429 && refusal.retryAfter == 1)
    try await harness.bind(from: "198.51.100.1")
    harness.clock.advance(seconds: 1)
    try await harness.bind()
    // Whoever asks too often does not fill the log.
    #expect(harness.events.all.count(where: { if case .keyRefused = $0 { true } else { false } }) == 60)
  }

  @Test func theBudgetForgetsThoseWhoAreQuiet() {
    var budget = SourceBudget()
    let start = UnixTime(seconds: 1_700_000_000)
    for index in 0..<10_000 {
      let source = SourceAddress("10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255)")
      #expect(budget.take(source, at: start) == nil)
    }
    // A network of one customer counts as one.
    for index in 0..<60 { #expect(budget.take(SourceAddress("2001:db8:1::\(index)"), at: start) == nil) }
    #expect(budget.take(SourceAddress("2001:db8:1:9::1"), at: start) == 1)
    #expect(budget.take(SourceAddress("2001:db8:2::1"), at: start) == nil)
    #expect(budget.take(SourceAddress("2001:db8:1:9::1"), at: start.adding(seconds: 1)) == nil)
  }

  @Test func aStoreThatFailsGrantsNothing() async throws {
    let clock = TestClock()
    let store = MemoryStore(clock: clock.source)
    let harness = try await JobHarness(clock: clock, store: store)
    await store.close()
    let refusal = try await harness.refusal()
    #expect(refusal?.kind == .unavailable)
    #expect(harness.admit() == .notOne)
    // Whoever came in with the key while the store was waited for is looked at again.
    guard case .bindingRevoked(JobHarness.fingerprint(), _)? = harness.changes.all.last else {
      Issue.record("\(harness.changes.all)")
      return
    }
  }

  @Test func whatIsUsedUpElsewhereIsUsedUpHere() async throws {
    let harness = try await JobHarness()
    let other = try await JobHarness(clock: harness.clock, store: harness.store, issuer: harness.issuer)
    let token = try harness.issuer.token()
    try await other.bind(token)
    #expect(try await harness.refusal(token, key: JobHarness.line([2]))?.message.contains("used before") == true)
    #expect(harness.admit(JobHarness.fingerprint([2])) == .notOne)
  }

  @Test func whatSomebodyTakesOutOfTheStoreEnds() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    let session = try #require(harness.subject()?.sessionID)
    let fingerprint = JobHarness.fingerprint()
    var change = RecordChange(kind: WorkloadBinding.kind, id: fingerprint, action: .deleted)
    // The file was lost: the key lives on, and is written again.
    try await harness.store.delete(WorkloadBinding.kind, fingerprint)
    await harness.identity.follow(change)
    #expect(harness.subject() != nil)
    #expect(try await harness.store.record(WorkloadBinding.kind, fingerprint) != nil)
    change.isForeign = true
    await harness.identity.follow(change)
    #expect(harness.admit() == .notOne)
    #expect(harness.changes.all == [.bindingRevoked(fingerprint: fingerprint, sessionID: session)])
    try await harness.bind()
  }
}
