/// What a change of configuration or session makes the servers decide again.
package enum ReconsiderScope: Sendable, Hashable {
  /// The configuration changed.
  case everything
  /// This session changed or ended.
  case session(String)
}
