import NIOCore
import Policy
import Routing
import Synchronization

/// A connection as other loops and tasks know it.
final class ConnectionHandle: Sendable {
  let id: String
  let eventLoop: any EventLoop
  /// What visitors do through this connection's tunnels, while a screen looks.
  let traffic = TunnelTraffic()
  /// Whether visitors wait for a channel.
  let demand = PlaceDemand()
  private let login = Mutex<(person: Subject, at: UnixTime)?>(nil)
  private let handler: NIOLoopBoundBox<ConnectionHandler?>
  private let ended = Atomic(false)

  init(id: String, eventLoop: any EventLoop) {
    self.id = id
    self.eventLoop = eventLoop
    handler = .makeEmptyBox(eventLoop: eventLoop)
  }

  /// Nobody waits any more for what is computed for this connection. May be asked on any thread.
  var isGone: Bool { ended.load(ordering: .relaxed) }
  func markGone() { ended.store(true, ordering: .relaxed) }

  /// Who signed in, and when.
  var signedIn: (person: Subject, at: UnixTime)? { login.withLock { $0 } }
  func noteLogin(_ person: Subject, at now: UnixTime) { login.withLock { $0 = (person, now) } }

  /// On the loop: set while the connection lives.
  func attach(_ connection: ConnectionHandler?) { handler.value = connection }

  /// Runs `work` on the connection's loop, at once when already there.
  func perform(
    _ work: @escaping @Sendable (ConnectionHandler) -> Void, whenGone: @escaping @Sendable () -> Void = {}
  ) {
    if eventLoop.inEventLoop {
      run(work, whenGone)
    } else {
      eventLoop.execute { self.run(work, whenGone) }
    }
  }

  private func run(_ work: (ConnectionHandler) -> Void, _ whenGone: () -> Void) {
    if let connection = handler.value { work(connection) } else { whenGone() }
  }
}
