import NIOCore

/// Bytes out: whose turn it is.
extension HTTP2Connection {
  /// With the nine bytes before it, one TLS record.
  private static let largestData = 16_384 - HTTP2Frame.headerLength

  /// Heads and frames that steer, not yet fetched. Bodies have windows of their own.
  package var pendingControlBytes: Int { control.readableBytes }

  /// Frames to be written: those that steer first, then bodies in their order, up to about `limit` bytes.
  package mutating func takeOutbound(limit: Int = 64 << 10) -> ByteBuffer? {
    var out = control
    control = ByteBuffer()
    // Those that the connection's window holds keep their places. Some of the others may only have to be ended.
    var held = 0
    while out.readableBytes < limit, held < order.count {
      let place = sendWindow > 0 ? order.next() : held
      let id = order.stream(at: place)
      if sendWindow <= 0, let stream = streams[id], stream.queued > 0, stream.sendWindow > 0 {
        held += 1
        continue
      }
      order.remove(at: place)
      sendTurn(id, into: &out)
      // Ending a stream may have something to say.
      if control.readableBytes > 0 {
        out.writeBuffer(&control)
        control = ByteBuffer()
      }
    }
    return out.readableBytes > 0 ? out : nil
  }

  /// One stream's turn: one frame, and its place for the next.
  private mutating func sendTurn(_ id: UInt32, into out: inout ByteBuffer) {
    guard var stream = streams[id] else { return }
    stream.isInTurn = false
    let room = min(stream.sendWindow, sendWindow, Self.largestData, peer.maxFrameSize)
    let length = min(stream.queued, max(0, room))
    guard length > 0 || (stream.queued == 0 && stream.endsAfterQueue) else {
      // Closed by its own window: WINDOW_UPDATE gives it a place again.
      streams[id] = stream
      return
    }
    let isLast = length == stream.queued && stream.endsAfterQueue
    if length > 0 || stream.trailerFields == nil {
      let ends = isLast && stream.trailerFields == nil
      HTTP2FrameWriter.writeHeader(
        .data, length: length, flags: ends ? HTTP2Frame.Flags.endStream : 0, stream: id, into: &out)
      stream.takeQueued(length, into: &out)
      stream.sendWindow -= length
      stream.sentLength += UInt64(length)
      sendWindow -= length
      sentLength += UInt64(length)
      queued -= length
      // What the peer's window did not cut short may be answered with two WINDOW_UPDATEs, however small it is.
      if length > 0, length == Self.largestData || stream.queued == 0 { expectUpdates() }
    }
    if isLast, let trailers = stream.trailerFields {
      beginSection()
      sectionWriter.write(trailers)
      HTTP2FrameWriter.writeHeaders(
        id, sectionWriter.buffer, endsStream: true, largestPayload: peer.maxFrameSize, into: &out)
    }
    if isLast { stream.sending = .ended }
    streams[id] = stream
    guard !isLast else { return didEndSending(id) }
    giveTurn(id)
    let mark = hasPrecedence(id) ? limits.firstLowWaterMark : limits.lowWaterMark
    if stream.isHeld, stream.queued <= mark {
      streams[id]?.isHeld = false
      add(.writable(id))
    }
  }

  /// One for the stream, one for the connection. A service's are awaited however long they take: visitors decide how small the
  /// pieces are that it answers, and it may be far away.
  private mutating func expectUpdates() {
    switch role {
    case .server: smallFrames.giveBack(2)
    case .client: smallFramesDue += 2
    }
  }

  /// Gives a stream with something to send its place among the others.
  mutating func giveTurn(_ id: UInt32) {
    guard let stream = streams[id], !stream.isInTurn, stream.hasSomethingToSend,
      stream.queued == 0 || stream.sendWindow > 0
    else { return }
    streams[id]?.isInTurn = true
    order.insert(id, stream.priority)
  }

  /// Whether others are to wait for this one. Of it so much is kept ready that they do: with no more than of any other, its queue
  /// would be empty by the middle of a write, and theirs would fill the socket.
  func hasPrecedence(_ id: UInt32) -> Bool { order.hasPrecedence(id) && queued < limits.firstQueueLimit }
}
