import NIOCore

/// What visitors say about the order of answers (RFC 9218). The tree of RFC 7540 is not read; our settings say so.
extension HTTP2Connection {
  /// The visitor knows of priorities, so one that is not said has a meaning too.
  private var hasPriorities: Bool { saysPriorities || peer.hasNoTreePriorities }

  /// The priority of a stream that begins with this head.
  mutating func priority(of id: UInt32, _ headers: HeaderList) -> HTTP2Priority {
    let announced = takeAnnounced(id)
    var said = HTTP2Priority.usual
    var isSaid = false
    for field in headers.fields where field.kind == .priority {
      said.apply(headers.valueBytes(field))
      isSaid = true
    }
    if isSaid { saysPriorities = true }
    // The frame was written later, or would not have been (section 7).
    if let announced { return announced }
    return isSaid || hasPriorities ? said : .inTurns
  }

  /// Streams begin in the order of their numbers: those before this one never will.
  mutating func takeAnnounced(_ id: UInt32) -> HTTP2Priority? {
    guard !announcedPriorities.isEmpty else { return nil }
    let priority = announcedPriorities[id]
    announcedPriorities = announcedPriorities.filter { $0.key > id }
    return priority
  }

  /// PRIORITY_UPDATE: another priority than the head's, or before there is a head (RFC 9218 section 7.1).
  mutating func takePriorityUpdate(_ id: UInt32, _ field: ByteBuffer, at now: UInt64) throws(HTTP2Error) {
    try spendSmallFrame(at: now)
    guard role == .server else { throw HTTP2Error(.protocolError, "PRIORITY_UPDATE from a server") }
    guard id & 1 == 1 else {
      throw HTTP2Error(.protocolError, "PRIORITY_UPDATE for a stream that no client begins")
    }
    saysPriorities = true
    var priority = HTTP2Priority.usual
    priority.apply(Array(field.readableBytesView)[...])
    if let stream = streams[id] {
      streams[id]?.priority = priority
      guard stream.isInTurn else { return }
      order.remove(id)
      order.insert(id, priority)
    } else if isIdle(id) {
      announcedPriorities[id] = priority
      // Section 7.1: they count as if they had begun.
      guard streams.count + announcedPriorities.count <= limits.concurrentStreams else {
        throw HTTP2Error(.protocolError, "PRIORITY_UPDATE for more streams than may begin")
      }
    }
  }
}
