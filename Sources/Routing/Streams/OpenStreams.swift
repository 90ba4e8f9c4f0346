import Policy
import Synchronization

package struct OpenStreamID: Sendable, Hashable {
  fileprivate let rawValue: UInt64
}

/// A stream that outlives the decision which admitted it: WebSocket, SSE, a long response, CONNECT, an ssh session.
package struct OpenStream: Sendable {
  package var sessionID: String?
  package var routeID: RouteID
  package var bindingID: BindingID?
  package var startedAt: UnixTime
  /// What it is, for logs and screens.
  package var describe: String
  /// Goes to the stream's loop, decides again and ends the stream if it may no longer be.
  package var reconsider: @Sendable () -> Void

  package init(
    sessionID: String?, routeID: RouteID, bindingID: BindingID? = nil, startedAt: UnixTime, describe: String,
    reconsider: @escaping @Sendable () -> Void
  ) {
    self.sessionID = sessionID
    self.routeID = routeID
    self.bindingID = bindingID
    self.startedAt = startedAt
    self.describe = describe
    self.reconsider = reconsider
  }
}

/// The register of open streams. A stream registers first and is decided then (security rule 28).
package final class OpenStreams: Sendable {
  private struct State {
    var streams: [UInt64: OpenStream] = [:]
    var next: UInt64 = 1
  }

  private let state = Mutex(State())

  package init() {}

  package func register(_ stream: OpenStream) -> OpenStreamID {
    state.withLock {
      let id = $0.next
      $0.next += 1
      $0.streams[id] = stream
      return OpenStreamID(rawValue: id)
    }
  }

  /// The stream goes on through another tunnel than it was registered with.
  package func move(_ id: OpenStreamID, to binding: BindingID?) {
    state.withLock { $0.streams[id.rawValue]?.bindingID = binding }
  }

  package func remove(_ id: OpenStreamID) {
    state.withLock { _ = $0.streams.removeValue(forKey: id.rawValue) }
  }

  /// Has the matching streams decide again.
  package func reconsider(where isConcerned: (OpenStream) -> Bool) {
    let streams = state.withLock { Array($0.streams.values) }
    for stream in streams where isConcerned(stream) { stream.reconsider() }
  }

  package var count: Int { state.withLock { $0.streams.count } }
}
