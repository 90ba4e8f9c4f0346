import NIOCore

/// DATA, RST_STREAM, WINDOW_UPDATE.
extension HTTP2Connection {
  mutating func takeData(
    _ id: UInt32, _ bytes: ByteBuffer, counted: Int, endsStream: Bool, at now: UInt64
  ) throws(HTTP2Error) {
    guard receiveWindow.receive(counted) else {
      throw HTTP2Error(.flowControlError, "more DATA than the connection's window")
    }
    guard var stream = streams[id] else {
      guard !isIdle(id) else { throw HTTP2Error(.protocolError, "DATA on an idle stream") }
      guard mayBeStray(id) else { throw HTTP2Error(.streamClosed, "DATA on a closed stream") }
      creditConnection(counted)
      try takeStray(counted, at: now)
      return
    }
    let length = bytes.readableBytes
    switch stream.receiving {
    case .head:
      creditConnection(counted)
      try breakOff(id, .protocolError, at: now)
      return
    case .ended:
      creditConnection(counted)
      try breakOff(id, .streamClosed, at: now)
      return
    case .body: break
    }
    guard stream.receiveWindow.receive(counted) else {
      creditConnection(counted)
      try breakOff(id, .flowControlError, at: now)
      return
    }
    stream.receivedLength += UInt64(length)
    if let declared = stream.declaredLength,
      stream.receivedLength > declared || (endsStream && stream.receivedLength < declared)
    {
      streams[id] = stream
      try breakOff(id, .protocolError, at: now)
      return
    }
    if endsStream { stream.receiving = .ended }
    streams[id] = stream
    if counted > length { consumed(counted - length, of: id) }
    if length > 0 {
      add(.body(id, bytes))
    } else if !endsStream {
      try spendSmallFrame(at: now)
    }
    if endsStream {
      add(.end(id))
      closeIfOver(id)
    }
  }

  /// The bytes of a `.body` event were taken: the peer may send as many again.
  package mutating func consumed(_ count: Int, of id: UInt32) {
    guard count > 0, var stream = streams[id] else { return }
    let size = stream.receiveWindow.size
    let increment = stream.receiveWindow.consume(count, growingBy: limits.streamWindowGrowth - windowGrowth)
    windowGrowth += stream.receiveWindow.size - size
    streams[id] = stream
    // A stream that has come whole needs no more room.
    if increment > 0, stream.receiving != .ended {
      HTTP2FrameWriter.writeWindowUpdate(id, increment: increment, into: &control)
    }
    creditConnection(count)
    closeIfOver(id)
  }

  mutating func takeReset(_ id: UInt32, _ code: HTTP2ErrorCode, at now: UInt64) throws(HTTP2Error) {
    guard !isIdle(id) else { throw HTTP2Error(.protocolError, "RST_STREAM on an idle stream") }
    switch role {
    case .server: guard resets.take(at: now) else { throw HTTP2Error(.enhanceYourCalm, "too many streams given up") }
    // A service gives up what we began, as often as we begin something.
    case .client: if streams[id] == nil { try takeDueFrame(at: now) }
    }
    guard streams[id] != nil else { return }
    remove(id)
    add(.reset(id, code, byPeer: true))
  }

  mutating func takeWindowUpdate(_ id: UInt32, increment: Int, at now: UInt64) throws(HTTP2Error) {
    // A peer that keeps up gives back kilobytes at a time.
    if increment < 1024 { try takeDueFrame(at: now) }
    if id == 0 {
      guard increment > 0 else { throw HTTP2Error(.protocolError, "WINDOW_UPDATE by nothing") }
      sendWindow += increment
      guard sendWindow <= Int(HTTP2Frame.largestStreamID) else {
        throw HTTP2Error(.flowControlError, "a window beyond 2^31-1")
      }
      return
    }
    guard !isIdle(id) else { throw HTTP2Error(.protocolError, "WINDOW_UPDATE on an idle stream") }
    guard var stream = streams[id] else { return }
    guard increment > 0 else { return try breakOff(id, .protocolError, at: now) }
    stream.sendWindow += increment
    guard stream.sendWindow <= Int(HTTP2Frame.largestStreamID) else {
      return try breakOff(id, .flowControlError, at: now)
    }
    streams[id] = stream
    giveTurn(id)
  }

  /// The peer broke the rules of one stream. A visitor who does it again and again is no better than one who resets his own
  /// (CVE-2025-8671). A service does it as often as it is asked for the page that is so, and that ends nobody else's requests.
  mutating func breakOff(_ id: UInt32, _ code: HTTP2ErrorCode, at now: UInt64) throws(HTTP2Error) {
    guard role == .client || resets.take(at: now) else {
      throw HTTP2Error(.enhanceYourCalm, "too many streams broken off")
    }
    HTTP2FrameWriter.writeReset(id, code, into: &control)
    remember(id)
    guard streams[id] != nil else { return }
    allowStray()
    remove(id)
    add(.reset(id, code, byPeer: false))
  }

  /// GOAWAY: what a service will not look at has been refused (RFC 9113 section 6.8).
  mutating func takeGoAway(lastStream: UInt32, _ code: HTTP2ErrorCode) {
    peerIsLeaving = true
    add(.goAway(lastStream: lastStream, code))
    guard role == .client else { return }
    for id in streams.keys.sorted() where id > lastStream {
      remember(id)
      remove(id)
      add(.reset(id, .refusedStream, byPeer: true))
    }
  }

  // MARK: What is on its way to streams that we gave up

  /// A service may have filled the stream's window before it hears of it. Visitors have no such allowance: they give up
  /// their own.
  mutating func allowStray() {
    guard role == .client else { return }
    strayAllowance = min(strayAllowance + limits.largestStreamWindow, limits.largestConnectionWindow)
    // A head, an end without bytes or trailers, a reset.
    smallFramesDue += 3
  }

  /// Whether a frame of a stream that is over may have been on its way. To a service any may: visitors give up as many streams
  /// as they like, and if more of them than are remembered ended the connection, they would end it for everybody else on it.
  func mayBeStray(_ id: UInt32) -> Bool { role == .client || remembered.contains(id) }

  /// A frame that brings no bytes and may be the answer to something.
  mutating func takeDueFrame(at now: UInt64) throws(HTTP2Error) {
    guard smallFramesDue > 0 else { return try spendSmallFrame(at: now) }
    smallFramesDue -= 1
  }

  private mutating func takeStray(_ count: Int, at now: UInt64) throws(HTTP2Error) {
    guard count > 0 else { return try takeDueFrame(at: now) }
    guard count <= strayAllowance else { return try spendSmallFrame(at: now) }
    strayAllowance -= count
  }

  /// Both halves have ended, and everything was taken.
  mutating func closeIfOver(_ id: UInt32) {
    guard let stream = streams[id], stream.receiving == .ended, stream.sending == .ended,
      stream.receiveWindow.unread == 0
    else { return }
    // Of a service that answered before it had the whole request, a reset (RFC 9113 section 8.1).
    if role == .client { smallFramesDue += 1 }
    remove(id)
    add(.closed(id))
  }
}
