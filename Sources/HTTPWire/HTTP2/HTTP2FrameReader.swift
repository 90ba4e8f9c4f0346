import NIOCore

/// Takes whole frames off the bytes of a connection and checks what can be checked without knowing its state
/// (RFC 9113 sections 4 and 6).
struct HTTP2FrameReader {
  /// What we announce: RFC 9113's default, and what TLS puts into one record.
  static let largestPayload = 16_384

  /// The next frame, its bytes taken from `buffer`; `nil` when more are needed.
  func next(from buffer: inout ByteBuffer) throws(HTTP2Error) -> HTTP2Frame? {
    let at = buffer.readerIndex
    guard let lengthAndType = buffer.getInteger(at: at, as: UInt32.self) else { return nil }
    let length = Int(lengthAndType >> 8)
    guard length <= Self.largestPayload else { throw HTTP2Error(.frameSizeError, "frame longer than 16384 bytes") }
    guard buffer.readableBytes >= HTTP2Frame.headerLength + length,
      let flags = buffer.getInteger(at: at + 4, as: UInt8.self),
      let rawStream = buffer.getInteger(at: at + 5, as: UInt32.self)
    else { return nil }
    buffer.moveReaderIndex(forwardBy: HTTP2Frame.headerLength)
    guard let payload = buffer.readSlice(length: length) else { return nil }
    let stream = rawStream & HTTP2Frame.largestStreamID
    guard let kind = HTTP2Frame.Kind(rawValue: UInt8(truncatingIfNeeded: lengthAndType)) else { return .unknown }
    return try Self.frame(kind, flags: flags, stream: stream, payload)
  }

  /// Moves what `begun`, the beginning of a frame, lacks, as far as it is there; not a byte more.
  func complete(_ begun: inout ByteBuffer, from bytes: inout ByteBuffer) {
    func move(upTo count: Int) {
      let missing = min(count - begun.readableBytes, bytes.readableBytes)
      guard missing > 0, var piece = bytes.readSlice(length: missing) else { return }
      begun.writeBuffer(&piece)
    }
    move(upTo: HTTP2Frame.headerLength)
    guard let lengthAndType = begun.getInteger(at: begun.readerIndex, as: UInt32.self) else { return }
    // A longer one is refused by its length alone.
    move(upTo: HTTP2Frame.headerLength + min(Int(lengthAndType >> 8), Self.largestPayload))
  }

  private static func frame(
    _ kind: HTTP2Frame.Kind, flags: UInt8, stream: UInt32, _ payload: ByteBuffer
  ) throws(HTTP2Error) -> HTTP2Frame {
    var payload = payload
    let length = payload.readableBytes
    switch kind {
    case .data:
      try requireStream(stream, "DATA")
      try removePadding(&payload, flags)
      return .data(stream, payload, counted: length, endsStream: flags & HTTP2Frame.Flags.endStream != 0)
    case .headers:
      try requireStream(stream, "HEADERS")
      try removePadding(&payload, flags)
      if flags & HTTP2Frame.Flags.priority != 0 {
        guard let dependency = payload.readInteger(as: UInt32.self), payload.readInteger(as: UInt8.self) != nil else {
          throw HTTP2Error(.frameSizeError, "HEADERS too short for its priority")
        }
        try requireIndependence(dependency, of: stream)
      }
      return .headers(
        stream, payload, endsStream: flags & HTTP2Frame.Flags.endStream != 0,
        endsHeaders: flags & HTTP2Frame.Flags.endHeaders != 0)
    case .continuation:
      try requireStream(stream, "CONTINUATION")
      return .continuation(stream, payload, endsHeaders: flags & HTTP2Frame.Flags.endHeaders != 0)
    case .priority:
      try requireStream(stream, "PRIORITY")
      guard length == 5, let dependency = payload.readInteger(as: UInt32.self) else {
        throw HTTP2Error(.frameSizeError, "PRIORITY without 5 bytes")
      }
      try requireIndependence(dependency, of: stream)
      return .priority(stream)
    case .priorityUpdate:
      try requireNoStream(stream, "PRIORITY_UPDATE")
      guard let prioritized = payload.readInteger(as: UInt32.self) else {
        throw HTTP2Error(.frameSizeError, "PRIORITY_UPDATE shorter than 4 bytes")
      }
      return .priorityUpdate(prioritized & HTTP2Frame.largestStreamID, payload)
    case .reset:
      try requireStream(stream, "RST_STREAM")
      guard length == 4, let code = payload.readInteger(as: UInt32.self) else {
        throw HTTP2Error(.frameSizeError, "RST_STREAM without 4 bytes")
      }
      return .reset(stream, HTTP2ErrorCode(wire: code))
    case .settings:
      try requireNoStream(stream, "SETTINGS")
      return try settings(payload, isAcknowledgement: flags & HTTP2Frame.Flags.acknowledgement != 0)
    case .pushPromise:
      return .pushPromise(stream)
    case .ping:
      try requireNoStream(stream, "PING")
      guard length == 8, let data = payload.readInteger(as: UInt64.self) else {
        throw HTTP2Error(.frameSizeError, "PING without 8 bytes")
      }
      return flags & HTTP2Frame.Flags.acknowledgement != 0 ? .pingAnswered(data) : .ping(data)
    case .goAway:
      try requireNoStream(stream, "GOAWAY")
      guard let last = payload.readInteger(as: UInt32.self), let code = payload.readInteger(as: UInt32.self) else {
        throw HTTP2Error(.frameSizeError, "GOAWAY shorter than 8 bytes")
      }
      return .goAway(lastStream: last & HTTP2Frame.largestStreamID, HTTP2ErrorCode(wire: code))
    case .windowUpdate:
      guard length == 4, let increment = payload.readInteger(as: UInt32.self) else {
        throw HTTP2Error(.frameSizeError, "WINDOW_UPDATE without 4 bytes")
      }
      return .windowUpdate(stream, increment: increment & HTTP2Frame.largestStreamID)
    }
  }

  private static func settings(
    _ payload: ByteBuffer, isAcknowledgement: Bool
  ) throws(HTTP2Error) -> HTTP2Frame {
    var payload = payload
    if isAcknowledgement {
      guard payload.readableBytes == 0 else { throw HTTP2Error(.frameSizeError, "SETTINGS ACK with a payload") }
      return .settingsAcknowledged
    }
    guard payload.readableBytes % 6 == 0 else { throw HTTP2Error(.frameSizeError, "SETTINGS of odd length") }
    var settings: [(id: UInt16, value: UInt32)] = []
    while let id = payload.readInteger(as: UInt16.self), let value = payload.readInteger(as: UInt32.self) {
      settings.append((id, value))
    }
    return .settings(settings)
  }

  private static func requireStream(_ stream: UInt32, _ name: String) throws(HTTP2Error) {
    guard stream != 0 else { throw HTTP2Error(.protocolError, "\(name) without a stream") }
  }

  private static func requireNoStream(_ stream: UInt32, _ name: String) throws(HTTP2Error) {
    guard stream == 0 else { throw HTTP2Error(.protocolError, "\(name) on a stream") }
  }

  /// RFC 9113 section 5.3.1 of its predecessor: still refused by every peer worth the name.
  private static func requireIndependence(_ dependency: UInt32, of stream: UInt32) throws(HTTP2Error) {
    guard dependency & HTTP2Frame.largestStreamID != stream else {
      throw HTTP2Error(.protocolError, "a stream that depends on itself")
    }
  }

  private static func removePadding(_ payload: inout ByteBuffer, _ flags: UInt8) throws(HTTP2Error) {
    guard flags & HTTP2Frame.Flags.padded != 0 else { return }
    guard let padding = payload.readInteger(as: UInt8.self) else {
      throw HTTP2Error(.frameSizeError, "padded frame without a pad length")
    }
    guard Int(padding) <= payload.readableBytes else {
      throw HTTP2Error(.protocolError, "padding longer than the frame")
    }
    payload.moveWriterIndex(to: payload.writerIndex - Int(padding))
  }
}
