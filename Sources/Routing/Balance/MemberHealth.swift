import Synchronization

/// What health checks say of one member, a tunnel or an address; read with every choice, on any loop.
package final class MemberHealth: Sendable {
  package enum Status: UInt8, Sendable {
    /// Nothing checks it: it counts as healthy.
    case unchecked
    /// Its first check is not over.
    case unknown
    case healthy
    case unhealthy
  }

  private let state = Atomic<UInt8>(Status.unchecked.rawValue)
  private let words = Mutex("")

  package init() {}

  package var status: Status { Status(rawValue: state.load(ordering: .relaxed)) ?? .unchecked }

  /// What the last failed check found; empty while it is not unhealthy.
  package var reason: String { words.withLock { $0 } }

  package func set(_ status: Status, reason: String = "") {
    words.withLock { $0 = status == .unhealthy ? reason : "" }
    state.store(status.rawValue, ordering: .relaxed)
  }
}

/// Who of several members may be chosen, as far as their health goes (`healthy_panic_threshold`): the healthy ones, unless
/// they are so few that they would break down, too.
package struct HealthCensus: Sendable {
  private var healthy = 0
  private var unknown = 0
  private var unhealthy = 0

  package init() {}

  package enum Admitted: Sendable { case healthy, untried, all, none }

  package mutating func count(_ status: MemberHealth.Status) {
    switch status {
    case .unchecked, .healthy: healthy += 1
    case .unknown: unknown += 1
    case .unhealthy: unhealthy += 1
    }
  }

  /// `panicThreshold` in per cent; 0: who is unhealthy is never chosen.
  package func admitted(panicThreshold: Int) -> Admitted {
    if unhealthy == 0, healthy == 0 { return unknown > 0 ? .untried : .none }
    if healthy > 0, healthy * 100 >= panicThreshold * (healthy + unhealthy) { return .healthy }
    if healthy == 0, unknown > 0 { return .untried }
    return panicThreshold > 0 ? .all : .none
  }
}

extension HealthCensus.Admitted {
  package func admits(_ status: MemberHealth.Status) -> Bool {
    switch self {
    case .healthy: status == .healthy || status == .unchecked
    case .untried: status != .unhealthy
    case .all: true
    case .none: false
    }
  }
}
