import NIOCore

/// Heads, bodies, ends.
extension HTTP2Connection {
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
    queued += bytes.readableBytes
    let mark = hasPrecedence(id) ? limits.firstHighWaterMark : limits.highWaterMark
    // In place: with a second reference each addition would copy what waits.
    streams[id]?.queue(bytes, highWaterMark: mark)
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
    if stream.receiving != .ended { allowStray() } else if role == .client { smallFramesDue += 1 }
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

  /// How much has left, while more of this stream waits for the peer's windows or for others; `nil` when nothing waits.
  package func sentWhileWaiting(_ id: UInt32) -> SentWhileWaiting? {
    guard let stream = streams[id], stream.hasSomethingToSend else { return nil }
    return SentWhileWaiting(own: stream.sentLength, all: sentLength, isInTurn: stream.isInTurn)
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

  mutating func beginSection() {
    sectionWriter.clear()
    if owesTableUpdate {
      owesTableUpdate = false
      sectionWriter.writeEmptyTable()
    }
  }

  /// A server that has answered does not wait for the rest of the request (RFC 9113 section 8.1).
  mutating func didEndSending(_ id: UInt32) {
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
