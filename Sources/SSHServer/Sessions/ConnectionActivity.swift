import PlainText
import Policy
import Routing

/// What the shells of a connection show beside its forwards. Made for the first that looks and gone with the last, so that
/// a tunnel without a screen costs nothing. Lives on the connection's loop.
final class ConnectionActivity {
  private unowned let connection: ConnectionHandler
  /// Of bindings whose last stream the client's side refused: in whose words.
  private var serviceFailures: [BindingID: String] = [:]
  private(set) var traffic: TrafficSnapshot

  init(of connection: ConnectionHandler) {
    self.connection = connection
    let now = connection.server.clock()
    traffic = TrafficSnapshot(since: now)
    let handle = connection.handle
    handle.traffic.watch(since: now) { handle.perform { $0.trafficChanged() } }
  }

  func end() { connection.handle.traffic.unwatch() }

  /// The traffic as of now; whoever is to be told of more is woken again.
  func refresh() { traffic = connection.handle.traffic.snapshot(now: connection.server.clock()) ?? traffic }

  /// The outcome of a stream towards the local service; true when that is news.
  func note(_ failure: StreamOpenFailure?, on binding: BindingID) -> Bool {
    let text: String? =
      switch failure {
      case nil, .gone, .notPermitted: nil
      case .refused(let why): why.isEmpty ? "your local service refused" : "your local service refused: \(why)"
      case .outOfResources: "your ssh has no room for more connections"
      case .timedOut: "your local service does not answer"
      case .untrusted(let why), .unusable(let why): "your local service: \(why)"
      case .wrongForwardKind: "your ssh connects to another place than was asked for"
      }
    guard serviceFailures[binding] != text else { return false }
    serviceFailures[binding] = text
    return true
  }

  func model(otherSessions: Int, notices: [String]) -> ScreenModel {
    refresh()
    var model = ScreenModel()
    guard let publisher = connection.publisher else { return model }
    model.person = publisher.subject.displayName.printable(limit: 120)
    model.until = publisher.subject.expiresAt
    model.now = connection.server.clock()
    model.tunnels = tunnels
    model.traffic = traffic
    model.notices = connection.refusals.suffix(2).map { "Could not publish \($0)." } + notices
    model.hints = ClientHint.lines(for: connection.clientVersion)
    model.otherSessions = otherSessions
    return model
  }

  private var tunnels: [ScreenModel.Tunnel] {
    let known = Set(connection.forwards.bound.map(\.id))
    serviceFailures = serviceFailures.filter { known.contains($0.key) }
    return connection.forwards.order.flatMap { address -> [ScreenModel.Tunnel] in
      guard let forward = connection.forwards.forward(address) else { return [] }
      return forward.bound.map { bound in
        ScreenModel.Tunnel(
          id: bound.id, url: bound.url.printable(limit: 300), state: state(of: bound),
          hasFixedTarget: forward.isDynamic && forward.destination == .fixed)
      }
    }
  }

  private func state(of bound: Forward.Bound) -> ScreenModel.Tunnel.State {
    guard bound.state.isAttached, bound.isServed else { return .detached(bound.standing) }
    return (serviceFailures[bound.id] ?? bound.ailment).map { .failing($0) } ?? .published
  }
}

@available(*, unavailable)
extension ConnectionActivity: Sendable {}

extension Forward {
  fileprivate var isDynamic: Bool {
    if case .dynamic = name.meaning { true } else { false }
  }
}
