import Policy
import Testing

@testable import TunnelEdge

@Suite struct AuditBudgetTests {
  let start = UnixTime(seconds: 1_800_000_000)

  func key(_ who: String = "bob", _ event: AuditEventName = .visitRefused, _ what: String = "route") -> AuditBudget.Key {
    AuditBudget.Key(event: event, who: who, what: what)
  }

  @Test func theFirstOfAMinuteAreWrittenAndTheOthersCounted() {
    var budget = AuditBudget()
    let admitted = (0..<12).map { _ in budget.admits(key(), at: start) }
    #expect(admitted == Array(repeating: true, count: 5) + Array(repeating: false, count: 7))
    #expect(budget.admits(key("carol"), at: start))
    #expect(budget.admits(key("bob", .visitRefused, "another"), at: start))
    #expect(budget.admits(key("bob", .visitEnded), at: start))
    #expect(budget.takeSuppressed(at: start.adding(seconds: 59)).isEmpty)
    let told = budget.takeSuppressed(at: start.adding(seconds: 60))
    #expect(told.map(\.0) == [key()])
    #expect(told.map(\.1) == [7])
    // Another minute, told again.
    #expect(budget.admits(key(), at: start.adding(seconds: 61)))
    #expect(budget.takeSuppressed(at: start.adding(seconds: 200)).isEmpty)
  }

  @Test func manyStrangersAreOne() {
    var budget = AuditBudget()
    for number in 0..<AuditBudget.mostKeys { #expect(budget.admits(key("\(number)"), at: start)) }
    let admitted = (0..<100).count { budget.admits(key("more \($0)"), at: start) }
    #expect(admitted == 5)
    let told = budget.takeSuppressed(at: start.adding(seconds: 60))
    #expect(told.map(\.0) == [AuditBudget.Key(event: .visitRefused, who: AuditBudget.others, what: "")])
    #expect(told.map(\.1) == [95])
  }
}
