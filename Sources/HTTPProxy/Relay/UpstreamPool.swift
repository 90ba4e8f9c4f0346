import NIOCore
import Routing

/// The connections of one loop that wait for their next request. The last one used is used first, so that a burst's surplus
/// grows old and goes.
final class UpstreamPool {
  private var idle: [UpstreamKey: [UpstreamConnection]] = [:]
  private(set) var count = 0
  var limitPerKey = 32
  var idleTime = TimeAmount.seconds(4)
  var mode = HTTPProxyConfiguration.TunnelPool.shared

  /// How fresh a connection must be for a request that cannot be sent twice: the service may be closing it just now.
  private static let freshness = TimeAmount.seconds(1)

  func take(_ key: UpstreamKey, session: String?, canRetry: Bool) -> UpstreamConnection? {
    guard mode != .off, var connections = idle[key] else { return nil }
    let oldest = NIODeadline.now() - (canRetry ? idleTime : Self.freshness)
    var taken: UpstreamConnection?
    if let index = connections.lastIndex(where: { fits($0, session) && $0.idleSince > oldest && !$0.isClosed }) {
      taken = connections.remove(at: index)
      count -= 1
      idle[key] = connections
    }
    return taken
  }

  private func fits(_ connection: UpstreamConnection, _ session: String?) -> Bool {
    switch connection.reuse {
    case .anyone: true
    case .session(let owner): owner == session
    case .nobody: false
    }
  }

  func put(_ connection: UpstreamConnection) {
    guard mode != .off, idle[connection.key, default: []].count < limitPerKey else {
      connection.close(.finished)
      return
    }
    connection.idleSince = .now()
    count += 1
    idle[connection.key, default: []].append(connection)
  }

  func remove(_ connection: UpstreamConnection) {
    guard var connections = idle[connection.key], let index = connections.firstIndex(where: { $0 === connection })
    else {
      return
    }
    connections.remove(at: index)
    count -= 1
    idle[connection.key] = connections.isEmpty ? nil : connections
  }

  /// Closes what has waited long enough.
  func sweep(_ now: NIODeadline) {
    for (key, connections) in idle {
      let old = connections.filter { now - $0.idleSince > idleTime }
      guard !old.isEmpty || connections.isEmpty else { continue }
      let kept = connections.filter { now - $0.idleSince <= idleTime }
      idle[key] = kept.isEmpty ? nil : kept
      count -= old.count
      for connection in old { connection.close(.finished) }
    }
  }

  func closeAll() {
    let all = idle.values.flatMap { $0 }
    idle = [:]
    count = 0
    for connection in all { connection.close(.finished) }
  }
}
