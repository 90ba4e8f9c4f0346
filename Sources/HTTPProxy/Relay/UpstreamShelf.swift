import DequeModule
import NIOCore
import Routing

/// What a loop has of one service: connections that wait for a request, and requests that wait for a connection. Never
/// both, unless they do not fit each other.
final class UpstreamShelf {
  let key: UpstreamKey
  let load: OpenerLoad?
  /// Oldest first.
  var idle: [UpstreamConnection] = []
  /// Those that carry several requests at once, whether they carry any now or not.
  var shared: [HTTP2UpstreamConnection] = []
  /// Those that take no more, with the last of their requests.
  var leaving: [HTTP2UpstreamConnection] = []
  var waiters = Deque<UpstreamWaiter>()
  /// The one that requests look at; an empty one is cleared away.
  var isKnown = false
  /// The service was found to speak HTTP/2: one connection is opened for all who wait.
  var sharesConnections: Bool
  /// Since when somebody opens such a connection.
  var openingSince: NIODeadline?
  /// What takes longer to open may never be: who comes later tries for themselves.
  private static let openingTime = TimeAmount.seconds(1)

  init(key: UpstreamKey, load: OpenerLoad?) {
    self.key = key
    self.load = load
    sharesConnections = key.speech == .http2
  }

  var isOpening: Bool { openingSince.map { .now() - $0 < Self.openingTime } ?? false }
  var isEmpty: Bool { idle.isEmpty && shared.isEmpty && leaving.isEmpty && waiters.isEmpty && openingSince == nil }
}

/// A request that waits for a stream to open, or for a connection that somebody else is done with, whichever is first.
final class UpstreamWaiter {
  enum Opening {
    /// It came to nothing, and would again.
    case failed(any Error)
    /// Whoever opened is gone, or the connection is full: this one opens the next.
    case isYours
  }

  let session: String?
  let since = NIODeadline.now()
  /// Withdrawn with the wait.
  let claim = StreamClaim()
  /// Set while somebody else opens a connection that will serve this one too.
  var onOpening: ((Opening) -> Void)?
  /// `false`: the request is over, or may no longer be served.
  private let take: (any ServiceSide, UpstreamWaiter) -> Bool

  init(session: String?, take: @escaping (any ServiceSide, UpstreamWaiter) -> Bool) {
    self.session = session
    self.take = take
  }

  func accepts(_ connection: any ServiceSide) -> Bool { take(connection, self) }
}
