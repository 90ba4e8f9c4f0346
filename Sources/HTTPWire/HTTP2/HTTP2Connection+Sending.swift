import DequeModule
import NIOCore

/// Heads, bodies, ends; whose turn it is.
extension HTTP2Connection {
  /// With the nine bytes before it, one TLS record.
  private static let largestData = 16_384 - HTTP2Frame.headerLength

  // MARK: Commands

  /// A response's head, interim or final. `endsStream` when no body and no trailers follow.
  package mutating func sendHead(
    _ id: UInt32, _ head: ResponseHead, mask: FieldMask = .all, additions: [HeaderList] = [], endsStream: Bool
  ) {
    guard var stream = streams[id], stream.sending == .head else { return }
    beginSection()
    sectionWriter.writeStatus(head.status)
    sectionWriter.write(head.headers, mask: mask)
    for list in additions { sectionWriter.write(list) }
    if case .length(let length) = head.framing { sectionWriter.writeContentLength(length) }
    HTTP2FrameWriter.writeHeaders(
      id, sectionWriter.buffer, endsStream: endsStream, largestPayload: peer.maxFrameSize, into: &control)
    guard !head.isInterim else { return }
    stream.sending = endsStream ? .ended : .body
    streams[id] = stream
    if endsStream { didEndSending(id) }
  }

  /// Client: whether another stream may begin now.
  package var canBegin: Bool {
    guard role == .client, failure == nil, case .open = drain, !peerIsLeaving else { return false }
    return streams.count < min(peer.maxConcurrentStreams, limits.concurrentStreams)
      && lastOwnStream < HTTP2Frame.largestStreamID
  }

  /// Client: whether any stream may ever begin again.
  package var hasFuture: Bool {
    guard role == .client, failure == nil, case .open = drain, !peerIsLeaving else { return false }
    return lastOwnStream < HTTP2Frame.largestStreamID
  }

  /// Client: whether the peer takes a WebSocket as a stream (RFC 8441 section 3).
  package var permitsConnectProtocol: Bool { peer.permitsConnectProtocol }

  /// Client: begins a stream with a request. `nil` when the peer permits no more of them now, or none at all.
  ///
  /// A `protocolName` makes it an extended CONNECT (RFC 8441 section 4), whatever the head's method.
  package mutating func sendRequest(
    _ head: RequestHead, scheme: String, protocolName: String? = nil, endsStream: Bool
  ) -> UInt32? {
    guard canBegin else { return nil }
    let id = lastOwnStream == 0 ? 1 : lastOwnStream + 2
    lastOwnStream = id
    var stream = HTTP2Stream(sendWindow: peer.initialWindowSize, limits: limits)
    stream.isHead = head.method == .head
    stream.sending = endsStream ? .ended : .body
    streams[id] = stream
    beginSection()
    sectionWriter.writeMethod(protocolName == nil ? head.method : .connect)
    if let protocolName { sectionWriter.writeProtocol(protocolName) }
    sectionWriter.writeScheme(scheme)
    sectionWriter.writePath(head.target)
    sectionWriter.writeAuthority(head.authority?.text ?? "")
    sectionWriter.write(head.headers)
    HTTP2FrameWriter.writeHeaders(
      id, sectionWriter.buffer, endsStream: endsStream, largestPayload: peer.maxFrameSize, into: &control)
    return id
  }

  /// Body bytes. They wait for the stream's turn; see `isWritable`.
  package mutating func sendBody(_ id: UInt32, _ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0, streams[id]?.takesBody == true else { return }
    // In place: with a second reference each addition would copy what waits.
    streams[id]?.queue(bytes, highWaterMark: limits.highWaterMark)
    giveTurn(id)
  }

  /// No more of this stream from us.
  package mutating func sendEnd(_ id: UInt32, trailers: HeaderList? = nil) {
    guard var stream = streams[id], stream.sending == .body, !stream.endsAfterQueue else { return }
    stream.endsAfterQueue = true
    if let trailers, !trailers.isEmpty { stream.trailerFields = trailers }
    streams[id] = stream
    giveTurn(id)
  }

  /// Asks whether the peer is still there; any bytes of it are the answer.
  package mutating func ping() {
    guard failure == nil else { return }
    HTTP2FrameWriter.writePing(1, isAnswer: false, into: &control)
  }

  /// Gives a stream up.
  package mutating func reset(_ id: UInt32, _ code: HTTP2ErrorCode) {
    guard let stream = streams[id] else { return }
    HTTP2FrameWriter.writeReset(id, code, into: &control)
    if stream.receiving != .ended { allowStray() }
    remember(id)
    remove(id)
  }

  /// From here on the stream carries another protocol (RFC 8441): each direction ends by itself.
  package mutating func becomeTunnel(_ id: UInt32) { streams[id]?.isTunnel = true }

  /// Nothing more is wanted from a tunnel: what is queued still leaves, then the stream is over.
  package mutating func endTunnel(_ id: UInt32) {
    guard let stream = streams[id], stream.isTunnel else { return }
    streams[id]?.isTunnel = false
    streams[id]?.isAbandoned = true
    if stream.sending == .ended { didEndSending(id) }
  }

  /// How much of its body has left, while more waits for the peer's windows; `nil` when nothing waits.
  package func sentWhileWaiting(_ id: UInt32) -> UInt64? {
    guard let stream = streams[id], stream.hasSomethingToSend else { return nil }
    return stream.sentLength
  }

  /// Whether what is sent on this stream leaves soon; `.writable` tells when that changes.
  package func isWritable(_ id: UInt32) -> Bool { streams[id].map { !$0.isHeld } ?? false }

  /// No new streams: those on their way are still served (RFC 9113 section 6.8).
  package mutating func beginGoAway() {
    guard case .open = drain, failure == nil else { return }
    drain = .announced
    HTTP2FrameWriter.writeGoAway(lastStream: HTTP2Frame.largestStreamID, .noError, reason: "", into: &control)
    HTTP2FrameWriter.writePing(0, isAnswer: false, into: &control)
  }

  /// The peer knows that nothing more is served.
  package var hasGoneAway: Bool {
    if case .final = drain { return true }
    return false
  }

  mutating func finishGoAway() {
    drain = .final(lastStream: lastPeerStream)
    HTTP2FrameWriter.writeGoAway(lastStream: lastPeerStream, .noError, reason: "", into: &control)
  }

  /// Ends the connection for a reason of ours.
  package mutating func close(_ code: HTTP2ErrorCode, reason: String) { fail(HTTP2Error(code, reason)) }

  // MARK: Bytes out

  /// Heads and frames that steer, not yet fetched. Bodies have windows of their own.
  package var pendingControlBytes: Int { control.readableBytes }

  /// Frames to be written: those that steer first, then bodies by turns, up to about `limit` bytes.
  package mutating func takeOutbound(limit: Int = 64 << 10) -> ByteBuffer? {
    var out = control
    control = ByteBuffer()
    // Each stream at most once without progress, when the connection's window is used up.
    var idle = 0
    while out.readableBytes < limit, idle < turns.count, let id = turns.popFirst() {
      if sendTurn(id, into: &out) { idle = 0 } else { idle += 1 }
      // Ending a stream may have something to say.
      if control.readableBytes > 0 {
        out.writeBuffer(&control)
        control = ByteBuffer()
      }
    }
    return out.readableBytes > 0 ? out : nil
  }

  /// One stream's turn: one frame. Whether anything was sent.
  private mutating func sendTurn(_ id: UInt32, into out: inout ByteBuffer) -> Bool {
    guard var stream = streams[id] else { return true }
    let room = min(stream.sendWindow, sendWindow, Self.largestData, peer.maxFrameSize)
    let length = min(stream.queued, max(0, room))
    guard length > 0 || (stream.queued == 0 && stream.endsAfterQueue) else {
      // Closed by its own window: WINDOW_UPDATE gives it a turn again. By the connection's: it keeps its place.
      if stream.queued > 0, stream.sendWindow > 0 {
        turns.append(id)
      } else {
        stream.isInTurn = false
        streams[id] = stream
      }
      return false
    }
    stream.isInTurn = false
    let isLast = length == stream.queued && stream.endsAfterQueue
    if length > 0 || stream.trailerFields == nil {
      let ends = isLast && stream.trailerFields == nil
      HTTP2FrameWriter.writeHeader(
        .data, length: length, flags: ends ? HTTP2Frame.Flags.endStream : 0, stream: id, into: &out)
      stream.takeQueued(length, into: &out)
      stream.sendWindow -= length
      stream.sentLength += UInt64(length)
      sendWindow -= length
      // What the peer's window did not cut short may be answered with two WINDOW_UPDATEs, however small it is.
      if length > 0, length == Self.largestData || stream.queued == 0 { smallFrames.giveBack(2) }
    }
    if isLast, let trailers = stream.trailerFields {
      beginSection()
      sectionWriter.write(trailers)
      HTTP2FrameWriter.writeHeaders(
        id, sectionWriter.buffer, endsStream: true, largestPayload: peer.maxFrameSize, into: &out)
    }
    if isLast { stream.sending = .ended }
    if stream.isHeld, stream.queued <= limits.lowWaterMark, !isLast {
      stream.isHeld = false
      add(.writable(id))
    }
    streams[id] = stream
    if isLast { didEndSending(id) } else { giveTurn(id) }
    return true
  }

  /// Puts a stream with something to send behind the others.
  mutating func giveTurn(_ id: UInt32) {
    guard var stream = streams[id], !stream.isInTurn, stream.hasSomethingToSend,
      stream.queued == 0 || stream.sendWindow > 0
    else { return }
    stream.isInTurn = true
    streams[id] = stream
    turns.append(id)
  }

  private mutating func beginSection() {
    sectionWriter.clear()
    if owesTableUpdate {
      owesTableUpdate = false
      sectionWriter.writeEmptyTable()
    }
  }

  /// A server that has answered does not wait for the rest of the request (RFC 9113 section 8.1).
  private mutating func didEndSending(_ id: UInt32) {
    guard let stream = streams[id] else { return }
    if role == .server || stream.isAbandoned, stream.receiving != .ended, !stream.isTunnel {
      HTTP2FrameWriter.writeReset(id, role == .server ? .noError : .cancel, into: &control)
      allowStray()
      remember(id)
      remove(id)
      add(.closed(id))
    } else {
      closeIfOver(id)
    }
  }
}
