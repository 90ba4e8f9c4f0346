import Policy
import Routing

/// Told of what belongs in the audit log. Called on event loops; must return at once.
package typealias TunnelEvents = @Sendable (TunnelEvent) -> Void

package struct TunnelEvent: Sendable {
  package enum Kind: Sendable, Equatable {
    case opened
    case attached
    case detached(DetachReason)
    case closed(why: BindingRelease, bytesToPublisher: UInt64, bytesFromPublisher: UInt64, streams: UInt64)
    /// A forward that was not granted; the reason is for the log, the client may have been told less.
    case refused(reason: String)
  }

  package var kind: Kind
  package var routeID: RouteID?
  package var bindingID: BindingID?
  /// The bound name, or what was asked for; printable.
  package var name: String
  /// Where visitors find it, if anything is bound.
  package var url: String?
  package var owner: Subject
  package var connectionID: String
  package var sourceAddress: String
  package var keyFingerprint: String
  /// How the publish policy decided, where that was the reason.
  package var explanation: DecisionExplanation?
}
