import Routing
import Testing

@testable import HTTPProxy

struct HealthMachineTests {
  private static func machine(unhealthy: Int = 3, healthy: Int = 2) -> HealthMachine {
    var check = HealthCheck(.tcp(send: [], receive: []))
    check.unhealthyThreshold = unhealthy
    check.healthyThreshold = healthy
    return HealthMachine(check)
  }

  private static let failed = HealthMachine.Outcome.failed("slow", isDefinite: false)
  private static let sick = HealthMachine.Outcome.failed("status 500", isDefinite: true)

  @Test func `the first outcome counts at once`() {
    var machine = Self.machine()
    #expect(machine.status == .unknown)
    machine.take(.passed)
    #expect(machine.status == .healthy)
    machine = Self.machine()
    machine.take(Self.failed)
    #expect(machine.status == .unhealthy && machine.reason == "slow")
  }

  @Test func `after that it takes as many in a row as the thresholds say`() {
    var machine = Self.machine()
    machine.take(.passed)
    for outcome in [Self.failed, Self.failed, .passed, Self.failed, Self.failed] {
      machine.take(outcome)
      #expect(machine.status == .healthy)
    }
    machine.take(Self.failed)
    #expect(machine.status == .unhealthy)
    for outcome in [.passed, Self.failed, .passed] {
      machine.take(outcome)
      #expect(machine.status == .unhealthy)
    }
    machine.take(.passed)
    #expect(machine.status == .healthy && machine.reason.isEmpty)
  }

  @Test func `an answer that says it is not well needs no second one`() {
    var machine = Self.machine()
    machine.take(.passed)
    machine.take(Self.sick)
    #expect(machine.status == .unhealthy && machine.reason == "status 500")
    machine.take(Self.failed)
    #expect(machine.reason == "slow")
  }

  @Test func `thresholds of nothing are thresholds of one`() {
    var machine = Self.machine(unhealthy: 0, healthy: -3)
    machine.take(.passed)
    machine.take(Self.failed)
    #expect(machine.status == .unhealthy)
    machine.take(.passed)
    #expect(machine.status == .healthy)
  }

  @Test func `every history leaves what counting the last outcomes says`() {
    for seed in 0..<200 as Range<UInt64> {
      var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
      var machine = Self.machine()
      var passed: [Bool] = []
      for _ in 0..<40 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let isPassed = state >> 62 > 1
        passed.append(isPassed)
        let before = machine.status
        machine.take(isPassed ? .passed : Self.failed)
        switch before {
        case .healthy: #expect((machine.status == .unhealthy) == (passed.suffix(3) == [false, false, false]))
        case .unhealthy:
          #expect(
            (machine.status == .healthy) == (passed.count > 1 && passed.suffix(2) == [true, true]) || passed.count < 3)
        case .unknown, .unchecked: #expect(machine.status == (isPassed ? .healthy : .unhealthy))
        }
      }
    }
  }

  @Test func `a member is as well as its worst check`() {
    var well = Self.machine()
    well.take(.passed)
    var sick = Self.machine()
    sick.take(Self.sick)
    #expect(HealthMachine.sum(of: [well, well]).status == .healthy)
    #expect(HealthMachine.sum(of: [well, Self.machine()]).status == .unknown)
    #expect(HealthMachine.sum(of: [well, Self.machine(), sick]) == (.unhealthy, "status 500"))
  }
}
