import Policy
import TestSupport
import Testing

@testable import Identity

/// Jobs that visit with their token.
@Suite struct WorkloadVisitTests {
  private static let host = "preview.example.com"

  private func session(
    _ harness: JobHarness, _ token: String, host: String = host, from source: String = JobHarness.source
  ) async -> Session? {
    guard case .admitted(let session) = await harness.identity.admitWorkload(token, host: host, source: source) else {
      return nil
    }
    return session
  }

  private func refusal(_ harness: JobHarness, _ token: String, host: String = host) async -> String? {
    guard case .refused(let text) = await harness.identity.admitWorkload(token, host: host, source: JobHarness.source)
    else { return nil }
    return text
  }

  @Test func aTokenVisitsAsOftenAsItLikesUntilItsEnd() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token(["exp": .number(Double(harness.clock.now.seconds) + 1800)])
    #expect(harness.identity.acceptsWorkloads)
    #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == nil)
    let session = try #require(await session(harness, token))
    #expect(session.subject.serviceAccount == "ci" && session.subject.email == nil && session.subject.groups.isEmpty)
    #expect(session.id.hasPrefix("service-account:ci/"))
    #expect(session.expiresAt == harness.clock.now.adding(seconds: 1800))
    let fetched = harness.issuer.fetched.count
    for _ in 0..<3 {
      #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == session)
      #expect(await self.session(harness, token) == session)
    }
    #expect(harness.issuer.fetched.count == fetched)
    #expect(harness.identity.session(id: session.id) == session)
    // It may still be shown for a key, once.
    try await harness.bind(token)
    harness.clock.advance(seconds: 1800)
    #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == nil)
    #expect(harness.identity.session(id: session.id) == nil)
    await harness.identity.sweep()
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
    #expect(await refusal(harness, token)?.contains("expired") == true)
  }

  /// Security rule 14: `workload_max_session` ends access before the token does, whenever and from wherever it is shown.
  @Test func aTokenThatLastsLongerVisitsForAnHour() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token(["exp": .number(Double(harness.clock.now.seconds) + 7200)])
    harness.clock.advance(seconds: 600)
    let session = try #require(await session(harness, token))
    #expect(session.expiresAt == harness.clock.now.adding(seconds: 3000))
    harness.identity.replace(serviceAccounts: ServiceAccounts([try JobHarness.account(clock: harness.clock)]))
    #expect(harness.identity.session(id: session.id)?.expiresAt == session.expiresAt)
    harness.clock.advance(seconds: 3000)
    await harness.identity.sweep()
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(await refusal(harness, token)?.contains("workload_max_session") == true)
    #expect(await self.session(harness, token, from: "198.51.100.9") == nil)
  }

  private static func refusal(of token: SignedToken, by keys: IssuerKeys) async -> WorkloadRefusal.Kind? {
    do throws(WorkloadRefusal) {
      _ = try await keys.verify(token)
      return nil
    } catch {
      return error.kind
    }
  }

  /// An issuer that does not answer keeps no place that others need, and no token waits whose key is known.
  @Test func onlySoManyWaitForAnIssuer() async throws {
    let clock = TestClock()
    let issuer = JobIssuer(clock: clock)
    let keys = IssuerKeys(WorkloadIssuer(name: JobIssuer.name), fetcher: issuer, clock: clock.source)
    let known = try SignedToken(try issuer.token())
    _ = try await keys.verify(known)
    issuer.change {
      $0.isHeld = true
      $0.keyID = "k2"
    }
    let unknown = try SignedToken(try issuer.token())
    await withTaskGroup(of: WorkloadRefusal.Kind?.self) { group in
      for _ in 0...IssuerKeys.maximumWaiting { group.addTask { await Self.refusal(of: unknown, by: keys) } }
      // All others wait.
      let first = await group.next() ?? nil
      #expect(first == .unavailable)
      #expect(await Self.refusal(of: known, by: keys) == nil)
      issuer.change { $0.isHeld = false }
      for await refusal in group { #expect(refusal == nil) }
    }
  }

  @Test func whatIsNotOursIsLeftAlone() async throws {
    let harness = try await JobHarness()
    for token in [
      try harness.issuer.token(["iss": .string("https://other.example")]), "a.b.c", "opaque", "",
      String(repeating: "a", count: 20_000),
    ] {
      guard case .notOurs = await harness.identity.admitWorkload(token, host: Self.host, source: JobHarness.source)
      else {
        Issue.record("\(token.prefix(80))")
        continue
      }
    }
    #expect(harness.issuer.fetched.isEmpty)
    let none = try await JobHarness([])
    #expect(!none.identity.acceptsWorkloads)
  }

  @Test func ofOurIssuersEverythingIsChecked() async throws {
    let harness = try await JobHarness()
    let issuer = harness.issuer
    for (token, word) in [
      (try issuer.token(key: TestKeys.otherRSA), "signature"), (try issuer.token(["aud": .string("x")]), "audience"),
      (try issuer.token(["repository": .string("org/x")]), "claims"),
      (try issuer.token(["exp": .number(1)]), "expired"),
    ] {
      #expect(await refusal(harness, token)?.contains(word) == true)
      #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == nil)
    }
  }

  @Test func onlyListedHostsAndAddresses() async throws {
    let clock = TestClock()
    let sources = [try #require(AddressRange("192.0.2.0/24"))]
    let harness = try await JobHarness(clock: clock, [try JobHarness.account(clock: clock, sources: sources)])
    let token = try harness.issuer.token()
    #expect(await refusal(harness, token, host: "other.example.com")?.contains("is not for") == true)
    #expect(harness.identity.workloadSession(token, host: "other.example.com", source: JobHarness.source) == nil)
    #expect(await session(harness, token) != nil)
    // The same token from elsewhere is another question.
    #expect(harness.identity.workloadSession(token, host: Self.host, source: "198.51.100.1") == nil)
    #expect(await session(harness, token, from: "198.51.100.1") == nil)
    let second = try #require(await session(harness, token, from: "192.0.2.8"))
    #expect(second.id != (await session(harness, token))?.id)
  }

  @Test func whatTheConfigurationTakesAwayEndsAtOnce() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token()
    let session = try #require(await session(harness, token))
    var account = try JobHarness.account(clock: harness.clock)
    account.hosts = ["else.example.com"]
    harness.identity.replace(serviceAccounts: ServiceAccounts([account]))
    #expect(harness.changes.all == [.changed(sessionID: session.id)])
    #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == nil)
    #expect(harness.identity.session(id: session.id)?.subject.publishableHosts == ["else.example.com"])
    harness.identity.replace(serviceAccounts: ServiceAccounts([]))
    #expect(harness.changes.all.last == .ended(sessionID: session.id))
    #expect(harness.identity.session(id: session.id) == nil)
    // Back again, the token is verified anew.
    harness.identity.replace(serviceAccounts: ServiceAccounts([try JobHarness.account(clock: harness.clock)]))
    #expect(harness.identity.workloadSession(token, host: Self.host, source: JobHarness.source) == nil)
    #expect(await self.session(harness, token) != nil)
  }

  @Test func theFirstAccountThatTakesItIsIt() async throws {
    let clock = TestClock()
    let harness = try await JobHarness(
      clock: clock,
      [
        try JobHarness.account("one", repository: "org/x", clock: clock),
        try JobHarness.account("two", repository: "org/app", clock: clock),
        try JobHarness.account("three", repository: "org/*", clock: clock),
      ])
    #expect(await session(harness, try harness.issuer.token())?.subject.serviceAccount == "two")
    let other = try harness.issuer.token(["repository": .string("org/y")])
    #expect(await session(harness, other)?.subject.serviceAccount == "three")
  }

  /// A token from many addresses is many visits.
  @Test func noAccountTakesThePlacesOfOthers() throws {
    let clock = TestClock()
    let now = clock.now
    var table = WorkloadTable()
    _ = table.replace(
      ServiceAccounts([
        try JobHarness.account("loud", repository: "org/loud", clock: clock),
        try JobHarness.account("quiet", repository: "org/quiet", clock: clock),
      ]), at: now)
    func token(_ repository: String) -> WorkloadToken {
      WorkloadToken(
        claims: WorkloadClaims(
          issuer: WorkloadIssuer(name: JobIssuer.name), audience: JobIssuer.audience, subject: "job",
          members: ["repository": .string(repository)]),
        issuedAt: now, expiresAt: now.adding(seconds: 600), useID: repository)
    }
    func visit(_ id: String, _ token: WorkloadToken) -> Bool {
      guard case .success = table.admitVisit(id, token, from: JobHarness.source, maximumSession: 3600, at: now)
      else { return false }
      return true
    }
    let (loud, quiet) = (token("org/loud"), token("org/quiet"))
    let half = WorkloadTable.maximumVisits / 2
    #expect((0..<half).allSatisfy { visit("loud-\($0)", loud) })
    #expect(!visit("loud-more", loud))
    #expect(visit("loud-0", loud), "who is in stays in")
    #expect((0..<WorkloadTable.maximumVisitsPerAccount).allSatisfy { visit("quiet-\($0)", quiet) })
    #expect(!visit("quiet-more", quiet))
    #expect(
      table.removeEnded(at: now.adding(seconds: 600)).changes.count == half + WorkloadTable.maximumVisitsPerAccount)
    #expect((0..<half).allSatisfy { visit("loud-\($0)", loud) }, "places that became free are free")
  }
}
