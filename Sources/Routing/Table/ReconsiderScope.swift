/// What a change of configuration or session makes the servers decide again.
package enum ReconsiderScope: Sendable, Hashable {
  /// The configuration changed.
  case everything
  /// This session changed or ended.
  case session(String)
  /// The ssh key with this fingerprint stands for somebody else, or for nobody.
  case key(String)
}
