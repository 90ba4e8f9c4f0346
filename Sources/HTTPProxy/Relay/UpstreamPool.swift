import DequeModule
import NIOCore
import Routing

/// The connections of one loop that wait for their next request. The last one used is used first, so that a burst's surplus
/// grows old and goes.
final class UpstreamPool {
  var shelves: [UpstreamKey: UpstreamShelf] = [:]
  var count = 0
  /// Of one service, over all loops; a surplus stays for a moment, since bursts come in waves.
  var limitPerKey = 8
  var idleTime = TimeAmount.seconds(4)
  var mode = HTTPProxyConfiguration.TunnelPool.shared

  /// How fresh a connection must be for a request that cannot be sent twice: the service may be closing it just now. None so
  /// fresh is closed for want of room either.
  static let freshness = TimeAmount.seconds(1)
  private static let surplusLimit = 128

  // MARK: Requests

  func take(_ key: UpstreamKey, session: String?, canRetry: Bool) -> (any ServiceSide)? {
    guard mode != .off, let shelf = shelves[key] else { return nil }
    if let shared = shelf.shared.first(where: { $0.takes(session) }) { return shared.makeStream(for: session) }
    let now = NIODeadline.now()
    let index = shelf.idle.lastIndex {
      fits($0, session) && !$0.isClosed && now - $0.idleSince < (canRetry ? $0.idleLimit(idleTime) : Self.freshness)
    }
    guard let index else { return nil }
    count -= 1
    shelf.load?.letGo()
    return shelf.idle.remove(at: index)
  }

  /// Where connections for this key belong.
  func shelf(_ key: UpstreamKey, load: OpenerLoad?) -> UpstreamShelf {
    if let shelf = shelves[key] { return shelf }
    let shelf = UpstreamShelf(key: key, load: load)
    register(shelf)
    return shelf
  }

  func register(_ shelf: UpstreamShelf) {
    guard !shelf.isKnown else { return }
    shelf.isKnown = true
    shelves[shelf.key] = shelf
  }

  /// The request gets the next connection that fits.
  func wait(_ waiter: UpstreamWaiter, on shelf: UpstreamShelf) {
    guard mode != .off else { return }
    register(shelf)
    shelf.waiters.append(waiter)
  }

  func stopWaiting(_ waiter: UpstreamWaiter, on shelf: UpstreamShelf) {
    if let index = shelf.waiters.firstIndex(where: { $0 === waiter }) { shelf.waiters.remove(at: index) }
  }

  private func fits(_ connection: UpstreamConnection, _ session: String?) -> Bool {
    switch connection.reuse {
    case .anyone: true
    case .session(let owner): owner == session
    case .nobody: false
    }
  }

  // MARK: Connections

  func put(_ connection: UpstreamConnection) {
    if !connection.shelf.isKnown, let present = shelves[connection.key] {
      // Its own was cleared away while nothing stood on it.
      connection.shelf = present
    }
    let shelf = connection.shelf
    connection.idleSince = .now()
    guard mode != .off, connection.idleLimit(idleTime) > .nanoseconds(0) else {
      connection.close(.finished)
      return
    }
    while let index = shelf.waiters.firstIndex(where: { fits(connection, $0.session) }) {
      if isOthersTurn(before: shelf.waiters[index], shelf) { break }
      let waiter = shelf.waiters.remove(at: index)
      if waiter.accepts(connection) { return }
    }
    // Somebody on another loop, or for another service of the same client, waits for its place.
    if shelf.load?.demand.isWaitedFor == true || shelf.idle.count >= Self.surplusLimit {
      connection.close(.finished)
      return
    }
    register(shelf)
    count += 1
    shelf.load?.keep()
    shelf.idle.append(connection)
  }

  /// Handing on within a loop must not make others wait for ever.
  private func isOthersTurn(before waiter: UpstreamWaiter, _ shelf: UpstreamShelf) -> Bool {
    guard let demand = shelf.load?.demand, demand.isWaitedFor else { return false }
    let since = waiter.since.uptimeNanoseconds
    return demand.waitingSince < since && since - demand.waitingSince > UInt64(Self.freshness.nanoseconds)
  }

  func remove(_ connection: UpstreamConnection) {
    let shelf = connection.shelf
    guard let index = shelf.idle.firstIndex(where: { $0 === connection }) else { return }
    shelf.idle.remove(at: index)
    count -= 1
    shelf.load?.letGo()
  }

  /// Closes what has waited long enough, and what is too much.
  func sweep(_ now: NIODeadline) {
    for shelf in shelves.values {
      sweep(shelf, now)
      sweepShared(shelf, now)
      guard shelf.isEmpty else { continue }
      shelf.isKnown = false
      shelves[shelf.key] = nil
    }
  }

  private func sweep(_ shelf: UpstreamShelf, _ now: NIODeadline) {
    guard !shelf.idle.isEmpty else { return }
    var surplus = max(0, (shelf.load?.keptStreams ?? shelf.idle.count) - limitPerKey)
    if shelf.load?.demand.isWaitedFor == true { surplus = .max }
    var over: [UpstreamConnection] = []
    shelf.idle.removeAll { connection in
      let age = now - connection.idleSince
      let isSurplus = surplus > 0 && age > Self.freshness
      guard isSurplus || age > connection.idleLimit(idleTime) else { return false }
      surplus = max(0, surplus - 1)
      over.append(connection)
      return true
    }
    count -= over.count
    for connection in over {
      shelf.load?.letGo()
      connection.close(.finished)
    }
  }

  func closeAll() {
    for shelf in shelves.values {
      let all = shelf.idle
      shelf.idle = []
      count -= all.count
      for connection in all {
        shelf.load?.letGo()
        connection.close(.finished)
      }
      for connection in shelf.shared { connection.end(reason: "") }
    }
  }
}
