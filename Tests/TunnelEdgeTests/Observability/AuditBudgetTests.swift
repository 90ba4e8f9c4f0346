import Policy
import Testing

@testable import TunnelEdge

@Suite struct AuditBudgetTests {
  let start = UnixTime(seconds: 1_800_000_000)

  func key(_ who: String = "bob", _ event: AuditEventName = .visitRefused, _ what: String = "route") -> AuditBudget.Key
  {
    AuditBudget.Key(event: event, who: who, what: what)
  }

  @Test func theFirstOfAMinuteAreWrittenAndTheOthersCounted() {
    var budget = AuditBudget()
    let admitted = (0..<12).map { _ in budget.admits(key(), at: start) }
    #expect(admitted == Array(repeating: true, count: 5) + Array(repeating: false, count: 7))
    let others = [key("carol"), key("bob", .visitRefused, "another"), key("bob", .visitEnded)]
      .map { budget.admits($0, at: start) }
    #expect(others == [true, true, true])
    let early = budget.takeSuppressed(at: start.adding(seconds: 59))
    #expect(early.isEmpty)
    let told = budget.takeSuppressed(at: start.adding(seconds: 60))
    #expect(told.map(\.0) == [key()])
    #expect(told.map(\.1) == [7])
    // Another minute, told again.
    let again = budget.admits(key(), at: start.adding(seconds: 61))
    #expect(again)
    let nothing = budget.takeSuppressed(at: start.adding(seconds: 200))
    #expect(nothing.isEmpty)
  }

  /// Whoever has many addresses fills the places of addresses, of the one thing they do with them.
  @Test func strangersHideNobodyElsesLines() {
    var budget = AuditBudget()
    for number in 0..<AuditBudget.mostKeys + 100 {
      _ = budget.admits(key("2001:db8::\(number)", .browserSignInStarted, ""), at: start)
      _ = budget.admits(key("2001:db8::\(number)"), at: start)
    }
    var person = key("bob")
    person.isPerson = true
    let told = [person, key("192.0.2.7", .workloadKeyRefused, "")].map { budget.admits($0, at: start) }
    #expect(told == [true, true])
    let stranger = budget.admits(key("192.0.2.7"), at: start)
    #expect(!stranger)
    // With the minute the places are free.
    _ = budget.takeSuppressed(at: start.adding(seconds: 60))
    let again = budget.admits(key("192.0.2.7"), at: start.adding(seconds: 61))
    #expect(again)
  }

  @Test func manyStrangersAreOne() {
    var budget = AuditBudget()
    let first = (0..<AuditBudget.mostKeys).map { budget.admits(key("\($0)"), at: start) }
    #expect(first.allSatisfy { $0 })
    let admitted = (0..<100).map { budget.admits(key("more \($0)"), at: start) }
    #expect(admitted.count(where: { $0 }) == 5)
    let told = budget.takeSuppressed(at: start.adding(seconds: 60))
    #expect(told.map(\.0) == [AuditBudget.Key(event: .visitRefused, who: AuditBudget.others, what: "")])
    #expect(told.map(\.1) == [95])
  }
}
