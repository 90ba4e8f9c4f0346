import Routing

/// One health check of one member, over time: what its outcomes add up to.
struct HealthMachine: Sendable {
  enum Outcome: Sendable, Equatable {
    case passed
    /// In words for logs and screens; printable. `isDefinite`: it answered, and what it said is that it is not well.
    case failed(String, isDefinite: Bool)
  }

  private let unhealthyThreshold: Int
  private let healthyThreshold: Int
  private(set) var status = MemberHealth.Status.unknown
  private(set) var reason = ""
  /// Outcomes in a row that speak against `status`.
  private var against = 0

  init(_ check: HealthCheck) {
    unhealthyThreshold = max(check.unhealthyThreshold, 1)
    healthyThreshold = max(check.healthyThreshold, 1)
  }

  /// The first outcome counts at once, as Envoy has it, and so does an answer that says it is not well.
  mutating func take(_ outcome: Outcome) {
    switch (outcome, status) {
    case (.passed, .healthy), (.passed, .unchecked): against = 0
    case (.passed, .unknown): set(.healthy)
    case (.passed, .unhealthy):
      against += 1
      if against >= healthyThreshold { set(.healthy) }
    case (.failed(let why, _), .unhealthy):
      against = 0
      reason = why
    case (.failed(let why, _), .unknown): set(.unhealthy, why)
    case (.failed(let why, let isDefinite), .healthy), (.failed(let why, let isDefinite), .unchecked):
      against += 1
      if isDefinite || against >= unhealthyThreshold { set(.unhealthy, why) }
    }
  }

  private mutating func set(_ status: MemberHealth.Status, _ reason: String = "") {
    self.status = status
    self.reason = reason
    against = 0
  }

  /// What several checks of one member say together: it is healthy when all of them are passed.
  static func sum(of machines: some Sequence<HealthMachine>) -> (status: MemberHealth.Status, reason: String) {
    var isUnknown = false
    for machine in machines {
      switch machine.status {
      case .unhealthy: return (.unhealthy, machine.reason)
      case .unknown: isUnknown = true
      case .healthy, .unchecked: break
      }
    }
    return (isUnknown ? .unknown : .healthy, "")
  }
}
