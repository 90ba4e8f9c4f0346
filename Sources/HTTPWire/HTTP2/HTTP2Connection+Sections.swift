import NIOCore

/// HEADERS and CONTINUATION: requests, responses, trailers.
extension HTTP2Connection {
  mutating func takeHeaders(
    _ id: UInt32, _ bytes: ByteBuffer, endsStream: Bool, endsHeaders: Bool, at now: UInt64
  ) throws(HTTP2Error) {
    if isIdle(id) {
      guard role == .server, id & 1 == 1 else {
        throw HTTP2Error(.protocolError, "HEADERS on a stream that may not begin so")
      }
    }
    let partial = PartialSection(stream: id, bytes: bytes, endsStream: endsStream)
    if endsHeaders {
      try takeSection(partial, at: now)
    } else {
      section = partial
    }
  }

  mutating func takeContinuation(_ bytes: ByteBuffer, endsHeaders: Bool, at now: UInt64) throws(HTTP2Error) {
    guard var partial = section else { throw HTTP2Error(.protocolError, "CONTINUATION of nothing") }
    partial.continuations += 1
    guard partial.continuations <= limits.continuations,
      partial.bytes.readableBytes + bytes.readableBytes <= limits.fieldSectionBytes
    else { throw HTTP2Error(.enhanceYourCalm, "a field section without end") }
    partial.bytes.writeImmutableBuffer(bytes)
    section = nil
    if endsHeaders {
      try takeSection(partial, at: now)
    } else {
      section = partial
    }
  }

  /// Every section is decoded, wanted or not: the compression table must follow the peer's.
  private mutating func takeSection(_ partial: PartialSection, at now: UInt64) throws(HTTP2Error) {
    let fields = try sectionReader.read(partial.bytes)
    guard fields.listBytes <= partial.bytes.readableBytes * limits.fieldListGrowth + limits.fieldListAllowance
    else {
      throw HTTP2Error(.enhanceYourCalm, "a field section that names the same fields again and again")
    }
    let id = partial.stream
    if let stream = streams[id] {
      try takeMore(fields, of: stream, id, endsStream: partial.endsStream, at: now)
    } else if isIdle(id) {
      try takeRequest(fields, id, endsStream: partial.endsStream, at: now)
    } else if mayBeStray(id) {
      try takeDueFrame(at: now)
    } else {
      throw HTTP2Error(.streamClosed, "HEADERS on a closed stream")
    }
  }

  // MARK: Requests

  private mutating func takeRequest(
    _ fields: FieldLines, _ id: UInt32, endsStream: Bool, at now: UInt64
  ) throws(HTTP2Error) {
    lastPeerStream = id
    if case .final(let lastStream) = drain, id > lastStream {
      _ = takeAnnounced(id)
      remember(id)
      return
    }
    guard streams.count < limits.concurrentStreams else {
      _ = takeAnnounced(id)
      return try breakOff(id, .refusedStream, at: now)
    }
    var stream = HTTP2Stream(sendWindow: peer.initialWindowSize, limits: limits)
    stream.receiving = endsStream ? .ended : .body
    do throws(WireError) {
      guard fields.listBytes <= limits.fieldListBytes else { throw .headTooLarge }
      let head = try RequestHead(http2: fields, endsStream: endsStream, limits: limits, webSocketKey: webSocketKey)
      if case .length(let length) = head.framing { stream.declaredLength = length }
      stream.priority = priority(of: id, head.headers)
      streams[id] = stream
      add(.request(id, head, endsStream: endsStream))
    } catch {
      _ = takeAnnounced(id)
      if case .malformed = error { return try breakOff(id, .protocolError, at: now) }
      streams[id] = stream
      add(.refused(id, error))
    }
    if endsStream { add(.end(id)) }
  }

  // MARK: Trailers and responses

  private mutating func takeMore(
    _ fields: FieldLines, of stream: HTTP2Stream, _ id: UInt32, endsStream: Bool, at now: UInt64
  ) throws(HTTP2Error) {
    var stream = stream
    switch stream.receiving {
    case .ended: try breakOff(id, .streamClosed, at: now)
    case .head:
      guard fields.listBytes <= limits.fieldListBytes,
        let head = try? ResponseHead(http2: fields, endsStream: endsStream, limits: limits),
        !endsStream || stream.isHead || head.promisesNothing
      else { return try breakOff(id, .protocolError, at: now) }
      if head.isInterim {
        try spendSmallFrame(at: now)
        streams[id]?.interimResponses += 1
      } else {
        // They were part of an answer: many answers are no flood.
        smallFrames.giveBack(Double(stream.interimResponses))
        stream.receiving = endsStream ? .ended : .body
        // The length of a 304 is that of what it does not bring (RFC 9110 section 8.6).
        let saysNothing = stream.isHead || head.status == 304
        if case .length(let length) = head.framing, !saysNothing { stream.declaredLength = length }
        streams[id] = stream
      }
      add(.response(id, head, endsStream: endsStream))
    case .body:
      // RFC 9113 section 8.1: a second section is the last.
      guard endsStream, stream.declaredLength ?? stream.receivedLength == stream.receivedLength,
        let trailers = try? HTTP2FieldSection(fields, as: .trailers, limits: limits)
      else { return try breakOff(id, .protocolError, at: now) }
      stream.receiving = .ended
      streams[id] = stream
      if !trailers.fields.isEmpty { add(.trailers(id, trailers.fields)) }
    }
    if endsStream, streams[id]?.receiving == .ended {
      add(.end(id))
      closeIfOver(id)
    }
  }
}
