/// Told of what belongs in the audit log. Called on event loops; must return at once.
package typealias GateEvents = @Sendable (GateEvent) -> Void

package enum GateEvent: Sendable, Equatable {
  /// From now on connections of this source are turned away, for so many seconds.
  case penaltyBegan(source: String, seconds: Int, for: Misconduct, connectionID: String)
}
