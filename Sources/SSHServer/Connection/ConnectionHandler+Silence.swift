import NIOCore
import Routing
import SSHProtocol

/// A client of whom nothing is heard while visitors wait: until it answers, others of the same person are preferred. What
/// ends such a connection is the keepalive, or its owner who publishes from elsewhere.
extension ConnectionHandler {
  /// A visitor's bytes are on their way: something should come back, if only an adjusted window.
  func expectAnswer(on id: ChannelID) {
    guard !expectsAnswer, streams[id] != nil else { return }
    expectsAnswer = true
    let since = SystemClock.monotonic()
    let handle = handle
    eventLoop.scheduleTask(in: .milliseconds(configuration.slowOpenMilliseconds)) {
      handle.perform { $0.answerIsDue(since) }
    }
  }

  private func answerIsDue(_ since: UInt64) {
    expectsAnswer = false
    guard case .open = phase, connection.lastReceived < since else { return }
    doubtClient()
  }

  func doubtClient() {
    server.registry.doubt(connectionID: handle.id)
    afterRoundTrip { $0.server.registry.confirm(connectionID: $0.handle.id) }
  }
}
