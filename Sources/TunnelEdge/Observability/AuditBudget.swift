import Identity
import Policy
import Routing
import SSHServer

/// How much of what strangers can cause at will goes into the audit log: the first lines of a minute about the same person
/// or address and the same thing; of the rest only how many there were. Bounded.
struct AuditBudget {
  struct Key: Hashable {
    var event: AuditEventName
    /// A person's id, or an address.
    var who: String
    /// A route, a name; empty where the event says it all.
    var what: String
    /// Signed in, and so one of not too many.
    var isPerson = false

    fileprivate var group: Group { Group(event: event, isPerson: isPerson) }
  }

  /// What has places of its own, so that nobody's lines are hidden by those of another kind: addresses are had by the million,
  /// people are not.
  fileprivate struct Group: Hashable {
    var event: AuditEventName
    var isPerson: Bool
  }

  private struct Count {
    var begunAt: UnixTime
    var told = 0
    var suppressed = 0
  }

  /// A minute, in seconds.
  static let window: Int64 = 60
  static let linesPerWindow = 5
  /// Of an event, for people and for addresses each; beyond these, all others together are one.
  static let mostKeys = 4096
  static let others = "others"

  private var counts: [Key: Count] = [:]
  private var sizes: [Group: Int] = [:]
  private var nextEnd = UnixTime(milliseconds: .max)

  /// Whether this one is written; if not, it is counted.
  mutating func admits(_ wanted: Key, at now: UnixTime) -> Bool {
    var key = wanted
    if counts[key] == nil, sizes[key.group, default: 0] >= Self.mostKeys {
      key = Key(event: wanted.event, who: Self.others, what: "", isPerson: wanted.isPerson)
    }
    if counts[key] == nil { sizes[key.group, default: 0] += 1 }
    var count = counts[key] ?? Count(begunAt: now)
    nextEnd = min(nextEnd, count.begunAt.adding(seconds: Self.window))
    let isAdmitted = count.told < Self.linesPerWindow
    if isAdmitted { count.told += 1 } else { count.suppressed += 1 }
    counts[key] = count
    return isAdmitted
  }

  /// What was left out in the minutes that are over.
  mutating func takeSuppressed(at now: UnixTime) -> [(Key, Int)] {
    guard now >= nextEnd else { return [] }
    let over = counts.filter { $0.value.begunAt.adding(seconds: Self.window) <= now }
    for key in over.keys {
      counts[key] = nil
      sizes[key.group, default: 1] -= 1
    }
    nextEnd = counts.values.map { $0.begunAt.adding(seconds: Self.window) }.min() ?? UnixTime(milliseconds: .max)
    return over.filter { $0.value.suppressed > 0 }.map { ($0.key, $0.value.suppressed) }
      .sorted { ($0.0.event.rawValue, $0.0.who, $0.0.what) < ($1.0.event.rawValue, $1.0.who, $1.0.what) }
  }
}

extension AuditBudget.Key {
  /// Of what anybody can cause as often as they like; what takes a person's deed each time is always written.
  init?(_ event: AuditLog.Event) {
    switch event {
    case .signInStarted(let login): self.init(event: .signInStarted, who: login.sourceAddress, what: login.fingerprint)
    case .signInAbandoned(let login):
      self.init(event: .signInAbandoned, who: login.sourceAddress, what: login.fingerprint)
    case .serviceAccountRefused(let login, _):
      self.init(event: .serviceAccountRefused, who: login.sourceAddress, what: login.fingerprint)
    case .identity(.browserSignInStarted, let asking):
      self.init(event: .browserSignInStarted, who: asking?.address ?? "", what: "")
    case .identity(.browserSignInFailed, let asking):
      self.init(event: .browserSignInFailed, who: asking?.address ?? "", what: "")
    case .identity(.workload(.keyRefused), let asking):
      self.init(event: .workloadKeyRefused, who: asking?.address ?? "", what: "")
    case .identity(.workload(.visitRefused(_, let source)), _):
      self.init(event: .workloadVisitRefused, who: source, what: "")
    case .tunnel(let event):
      guard case .refused = event.kind else { return nil }
      self.init(event: .forwardRefused, who: event.owner.userID, what: event.name, isPerson: true)
    case .signInApproved, .signInDenied, .signInExpired, .newSource, .serviceAccountAdmitted, .identity, .visit, .gate,
      .store, .configurationApplied, .configurationRefused:
      return nil
    }
  }
}
