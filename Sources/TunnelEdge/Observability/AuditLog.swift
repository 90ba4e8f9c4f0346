import HTTPProxy
import Policy
import Routing
import Synchronization

/// Who was let in, who published what, what was refused and what ended: one JSON object a line, never a secret.
package final class AuditLog: Sendable {
  private struct State {
    var counts: AuditCounts
    var budget = AuditBudget()
  }

  private let file: LineFile
  private let clock: UnixClock
  private let state: Mutex<State>

  package init(file: LineFile, clock: @escaping UnixClock = SystemClock.now) {
    self.file = file
    self.clock = clock
    state = Mutex(State(counts: AuditCounts(startedAt: clock())))
  }

  /// What was recorded, in numbers.
  package var counts: AuditCounts { state.withLock { $0.counts } }

  package func record(_ event: Event) {
    let now = clock()
    let isAdmitted = state.withLock { state in
      state.counts.add(event, at: now)
      // Of visits it was asked before the explanation was made.
      if case .visit = event { return true }
      return AuditBudget.Key(event).map { state.budget.admits($0, at: now) } ?? true
    }
    guard isAdmitted else { return }
    var line = AuditLine(at: now)
    line.write(event)
    file.append(line.finished(), .audit)
  }

  /// Once a second: what was left out of the log is told in numbers.
  package func sweep() {
    let now = clock()
    for (key, count) in state.withLock({ $0.budget.takeSuppressed(at: now) }) {
      var line = AuditLine(at: now)
      line.write(suppressed: count, of: key)
      file.append(line.finished(), .audit)
    }
  }
}

extension AuditLog: VisitWitness {
  package func wants(_ kind: RefusedVisit.Kind, visitor: RefusedVisit.Visitor, route: RouteID) -> Bool {
    let key =
      switch visitor {
      case .person(let id): AuditBudget.Key(event: kind.eventName, who: id, what: route.rawValue, isPerson: true)
      case .address(let address): AuditBudget.Key(event: kind.eventName, who: address, what: route.rawValue)
      }
    let now = clock()
    return state.withLock { $0.budget.admits(key, at: now) }
  }

  package func tell(_ visit: RefusedVisit) { record(.visit(visit)) }
}

extension RefusedVisit.Kind {
  var eventName: AuditEventName {
    switch self {
    case .refused: .visitRefused
    case .ended: .visitEnded
    }
  }
}
