import NIOCore

/// A visitor's connection as its event loop sees it, whichever version of HTTP it speaks.
protocol LoopConnection: AnyObject {
  /// The requests under way.
  var exchanges: [Exchange] { get }
  /// Called a few times a second.
  func tick(_ now: NIODeadline)
  /// The edge is shutting down: what is under way may finish.
  func drain()
  /// The time to finish is over.
  func end()
}
