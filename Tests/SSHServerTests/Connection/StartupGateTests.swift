import Testing

@testable import SSHServer

struct StartupGateTests {
  private let limits = SSHServerConfiguration.MaxStartups(start: 100, rate: 30, full: 200)

  @Test(arguments: [(0, 0), (99, 0), (100, 30), (150, 65), (199, 99), (200, 100), (5000, 100)])
  func theOddsRiseFromStartToFull(_ count: Int, _ percent: Int) {
    #expect(StartupGate.refusedPercent(count: count, limits) == percent)
  }

  @Test func whoLeavesMakesRoom() {
    let gate = StartupGate(.init(start: 2, rate: 100, full: 2), random: { _ in [0, 0] })
    #expect(gate.enter() && gate.enter() && !gate.enter())
    gate.leave()
    #expect(gate.enter() && !gate.enter())
  }
}
