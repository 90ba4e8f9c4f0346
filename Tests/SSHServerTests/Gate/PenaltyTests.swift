import Policy
import SSHProtocol
import Testing

@testable import SSHServer

/// OpenSSH's PerSourcePenalties, and what keeps them from shutting out a whole network.
struct PenaltyTests {
  private let address = "192.0.2.7"

  @Test(arguments: [
    (Misconduct.failedAuthentication, 3), (.noAttempt, 15), (.graceExceeded, 2), (.refused, 2), (.protocolBreach, 1),
  ])
  func aSourceIsShutOutWhenTheSumReachesTheMinimum(_ misconduct: Misconduct, _ times: Int) {
    let fixture = GateFixture()
    for _ in 1..<times { #expect(fixture.offend(address, misconduct) == nil) }
    #expect(fixture.refusal(address) == nil)
    let seconds = fixture.offend(address, misconduct)
    #expect(seconds == (SourcePenalties().amounts[misconduct] ?? 0) * times)
    #expect(fixture.refusal(address) == .penalty)
    #expect(fixture.refusal("192.0.2.8") == nil)
    fixture.pass(Double(seconds ?? 0) - 0.5)
    #expect(fixture.refusal(address) == .penalty)
    fixture.pass(1)
    #expect(fixture.refusal(address) == nil)
    // A new sum begins at nothing.
    #expect(fixture.offend(address, .failedAuthentication) == nil)
  }

  @Test func theTermRunsOutWhileItGrows() {
    let fixture = GateFixture()
    for _ in 0..<60 {
      #expect(fixture.offend(address, .noAttempt) == nil)
      fixture.pass(1)
    }
    #expect(fixture.refusal(address) == nil)
  }

  @Test func theCeilingHolds() {
    let fixture = GateFixture()
    // Twenty at once, all let in before the first of them ended.
    let tickets = (0..<20).compactMap { _ in fixture.come(address) }
    #expect(tickets.count == 20)
    for var ticket in tickets { _ = fixture.gate.leave(&ticket, .protocolBreach) }
    fixture.pass(599)
    #expect(fixture.refusal(address) == .penalty)
    fixture.pass(2)
    #expect(fixture.refusal(address) == nil)
  }

  @Test func whoLeavesNothingUndoneIsNotPenalised() {
    let fixture = GateFixture()
    for _ in 0..<100 { #expect(fixture.offend(address, nil) == nil) }
    #expect(fixture.refusal(address) == nil)
  }

  // MARK: Shared addresses

  @Test func aSignInClearsTheSource() throws {
    let fixture = GateFixture()
    for _ in 0..<2 { fixture.offend(address, .failedAuthentication) }
    var person = try #require(fixture.signIn(address))
    _ = fixture.gate.leave(&person, nil)
    #expect(fixture.offend(address, .failedAuthentication) == nil)
    #expect(fixture.refusal(address) == nil)
  }

  @Test func wherePeopleAreSignedInEveryOtherStillGetsIn() throws {
    let fixture = GateFixture()
    var person = try #require(fixture.signIn(address))
    #expect(fixture.offend(address, .protocolBreach) == 90)
    fixture.draw(ConnectionGate.penalisedShareOfKnown - 1)
    #expect(fixture.refusal(address) == .penalty)
    fixture.draw(ConnectionGate.penalisedShareOfKnown)
    #expect(fixture.refusal(address) == nil)
    // Nor is the source a stranger when the last of them has gone home.
    _ = fixture.gate.leave(&person, nil)
    #expect(fixture.refusal(address) == nil)
    fixture.pass(24 * 3600 + 1)
    _ = fixture.offend(address, .protocolBreach)
    #expect(fixture.refusal(address) == .penalty)
  }

  @Test func exemptSourcesAreNotPenalised() {
    let fixture = GateFixture { $0.sources.exempt = [AddressRange("192.0.2.0/24")].compactMap { $0 } }
    for _ in 0..<10 { #expect(fixture.offend(address, .protocolBreach) == nil) }
    #expect(fixture.refusal(address) == nil)
    for _ in 0..<2 { fixture.offend("127.0.0.1", .protocolBreach) }
    #expect(fixture.refusal("127.0.0.1") == .penalty)
  }

  @Test func withoutPenaltiesThereAreNone() {
    let fixture = GateFixture { $0.sources.penalties = nil }
    for _ in 0..<10 { #expect(fixture.offend(address, .protocolBreach) == nil) }
    #expect(fixture.refusal(address) == nil)
  }

  @Test func aReloadChangesWhatIsInForce() {
    let fixture = GateFixture()
    _ = fixture.offend(address, .protocolBreach)
    #expect(fixture.refusal(address) == .penalty)
    var configuration = SSHServerConfiguration(addresses: [], hostKeys: [])
    configuration.sources.penalties = nil
    fixture.gate.configure(configuration)
    #expect(fixture.refusal(address) == nil)
    configuration.sources.penalties = SourcePenalties()
    configuration.sources.penalties?.amounts[.noAttempt] = 20
    fixture.gate.configure(configuration)
    #expect(fixture.offend(address, .noAttempt) == 20)
    #expect(fixture.refusal(address) == .penalty)
  }

  // MARK: Tables

  @Test func aFloodOfSourcesForgetsTheTermThatEndsNext() {
    let fixture = GateFixture { $0.sources.penalties?.maximumIPv4Sources = 64 }
    for number in 0..<2000 { fixture.offend("10.0.\(number / 250).\(number % 250)", .protocolBreach) }
    for number in 0..<2000 { fixture.offend("10.0.\(number / 250).\(number % 250)", nil) }
    #expect(fixture.gate.counts.refused[.penalty] == 64)
    // The other family has a table of its own.
    #expect(fixture.offend("2001:db8::1", .protocolBreach) == 90)
  }

  @Test func aFullTableMakesRoomOfWhatHasEnded() {
    var table = ExpiringSources<Int>(capacity: 100)
    func source(_ number: Int) throws -> SourceBlock {
      SourceBlock(try #require(IPAddress("10.0.\(number / 250).\(number % 250)")), SourceBlockSize())
    }
    #expect(throws: Never.self) {
      for number in 0..<90 { table.set(try source(number), number, until: 1000, now: 0) }
      for number in 90..<190 { table.set(try source(number), number, until: 5000, now: 2000) }
      for number in 90..<190 { #expect(table.find(try source(number), now: 2000)?.value == number) }
      #expect(table.find(try source(0), now: 2000) == nil)
    }
    #expect(table.count <= 100)
  }

  @Test func theLogIsNotFlooded() throws {
    var journal = RefusalJournal()
    var told = 0
    for round in 0..<50 {
      for number in 0..<1000 {
        let source = SourceBlock(
          try #require(IPAddress("10.0.\(number / 250).\(number % 250)")), SourceBlockSize())
        if journal.note(.penalty, source, "10.0.\(number / 250).\(number % 250)") { told += 1 }
      }
      #expect(round > 0 || told == RefusalJournal.told)
    }
    #expect(told == RefusalJournal.told)
    let lines = journal.summary()
    #expect(lines.count == RefusalJournal.told + 1)
    #expect(lines.map(\.count).reduce(told, +) == 50_000)
    #expect(journal.summary().isEmpty)
  }
}
