import Policy
import Routing
import SSHServer

/// What the audit log has been told since the start, in numbers.
package struct AuditCounts: Sendable, Equatable {
  var signInsApproved: UInt64 = 0
  var signInsDenied: UInt64 = 0
  var signInsExpired: UInt64 = 0
  var tunnelsOpened: UInt64 = 0
  var tunnelsClosed: [BindingRelease: UInt64] = [:]
  var forwardsRefused: UInt64 = 0
  var configurationsApplied: UInt64 = 0
  var configurationsRefused: UInt64 = 0
  /// Whether the file as it was last read is what runs.
  var isConfigurationInForce = true
  var configurationTakenAt: UnixTime

  static let releases: [(release: BindingRelease, name: String)] = [
    (.connectionLost, "connection_lost"), (.disconnected, "disconnected"), (.cancelled, "cancelled"),
  ]

  init(startedAt: UnixTime) { configurationTakenAt = startedAt }

  mutating func add(_ event: AuditLog.Event, at now: UnixTime) {
    switch event {
    case .signInApproved: signInsApproved += 1
    case .signInDenied: signInsDenied += 1
    case .signInExpired: signInsExpired += 1
    case .tunnel(let event): add(event.kind)
    case .configurationApplied:
      configurationsApplied += 1
      isConfigurationInForce = true
      configurationTakenAt = now
    case .configurationRefused:
      configurationsRefused += 1
      isConfigurationInForce = false
    case .signInStarted, .signInAbandoned, .newSource, .serviceAccountAdmitted, .serviceAccountRefused, .gate,
      .identity,
      .visit, .store:
      break
    }
  }

  private mutating func add(_ event: TunnelEvent.Kind) {
    switch event {
    case .opened: tunnelsOpened += 1
    case .closed(let why, _, _, _): tunnelsClosed[why, default: 0] += 1
    case .refused: forwardsRefused += 1
    case .attached, .detached: break
    }
  }
}
