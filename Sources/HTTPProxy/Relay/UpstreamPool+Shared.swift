import DequeModule
import NIOCore
import Routing

/// Connections that carry several requests at once.
extension UpstreamPool {
  /// Whether one connection to this service serves all who wait for one.
  func sharesConnections(_ key: UpstreamKey) -> Bool {
    guard mode == .shared else { return false }
    return key.speech == .http2 || shelves[key]?.sharesConnections == true
  }

  /// A connection is open, and its first request, if it is still wanted, is on it.
  func add(_ connection: HTTP2UpstreamConnection) {
    if !connection.shelf.isKnown, let present = shelves[connection.key] { connection.shelf = present }
    let shelf = connection.shelf
    guard !connection.isClosed else { return }
    shelf.sharesConnections = true
    register(shelf)
    if connection.isAlone || mode == .off {
      // Served, or never to be.
      if connection.isIdle { connection.end(reason: "") } else { shelf.leaving.append(connection) }
      return
    }
    shelf.shared.append(connection)
    noteRoom(connection)
  }

  /// It may take another request: one that waits, if there is one.
  func noteRoom(_ connection: HTTP2UpstreamConnection) {
    let shelf = connection.shelf
    guard shelf.shared.contains(where: { $0 === connection }) else { return }
    while let index = shelf.waiters.firstIndex(where: { connection.takes($0.session) }) {
      let waiter = shelf.waiters.remove(at: index)
      _ = waiter.accepts(connection.makeStream(for: waiter.session))
    }
    guard connection.isIdle, !connection.isCountedIdle, !connection.isClosed else { return }
    // Somebody on another loop, or for another service of the same client, waits for its place.
    if shelf.load?.demand.isWaitedFor == true { return connection.end(reason: "") }
    connection.isCountedIdle = true
    count += 1
    shelf.load?.keep()
  }

  func noteBusy(_ connection: HTTP2UpstreamConnection) {
    guard connection.isCountedIdle else { return }
    connection.isCountedIdle = false
    count -= 1
    connection.shelf.load?.letGo()
  }

  /// It takes nothing new, or is closed.
  func remove(_ connection: HTTP2UpstreamConnection) {
    noteBusy(connection)
    let shelf = connection.shelf
    shelf.shared.removeAll { $0 === connection }
    shelf.leaving.removeAll { $0 === connection }
    if !connection.isClosed, shelf.isKnown { shelf.leaving.append(connection) }
    openForTheNext(shelf)
  }

  // MARK: Who waits for an opening of somebody else

  /// Those who wait are as badly off as the one who opened.
  func openingFailed(_ error: any Error, on shelf: UpstreamShelf) {
    let followers = shelf.waiters.filter { $0.onOpening != nil }
    for waiter in followers {
      let tell = waiter.onOpening
      waiter.onOpening = nil
      tell?(.failed(error))
    }
  }

  /// If somebody still waits for an opening and nobody opens, the first of them does.
  func openForTheNext(_ shelf: UpstreamShelf) {
    guard !shelf.isOpening, let waiter = shelf.waiters.first(where: { $0.onOpening != nil }) else { return }
    let tell = waiter.onOpening
    waiter.onOpening = nil
    tell?(.isYours)
  }

  // MARK: Time

  func sweepShared(_ shelf: UpstreamShelf, _ now: NIODeadline) {
    for connection in shelf.leaving { connection.tick(now) }
    guard !shelf.shared.isEmpty else { return }
    for connection in shelf.shared {
      connection.tick(now)
      guard connection.isIdle, !connection.isClosed else { continue }
      let isSurplus = shelf.shared.count > 1 && now - connection.idleSince > Self.freshness
      if isSurplus || shelf.load?.demand.isWaitedFor == true || connection.isIdleTooLong(now, idleTime) {
        connection.end(reason: "idle")
      }
    }
  }
}
