import NIOCore

/// Puts frames into a buffer (RFC 9113 sections 4.1 and 6).
enum HTTP2FrameWriter {
  static func writeHeader(
    _ kind: HTTP2Frame.Kind, length: Int, flags: UInt8 = 0, stream: UInt32 = 0, into buffer: inout ByteBuffer
  ) {
    buffer.writeInteger(UInt32(truncatingIfNeeded: length) << 8 | UInt32(kind.rawValue))
    buffer.writeInteger(flags)
    buffer.writeInteger(stream)
  }

  static func writeSettings(_ settings: [(id: HTTP2SettingID, value: UInt32)], into buffer: inout ByteBuffer) {
    writeHeader(.settings, length: settings.count * 6, into: &buffer)
    for (id, value) in settings {
      buffer.writeInteger(id.rawValue)
      buffer.writeInteger(value)
    }
  }

  static func writeSettingsAcknowledgement(into buffer: inout ByteBuffer) {
    writeHeader(.settings, length: 0, flags: HTTP2Frame.Flags.acknowledgement, into: &buffer)
  }

  static func writePing(_ data: UInt64, isAnswer: Bool, into buffer: inout ByteBuffer) {
    writeHeader(.ping, length: 8, flags: isAnswer ? HTTP2Frame.Flags.acknowledgement : 0, into: &buffer)
    buffer.writeInteger(data)
  }

  static func writeReset(_ stream: UInt32, _ code: HTTP2ErrorCode, into buffer: inout ByteBuffer) {
    writeHeader(.reset, length: 4, stream: stream, into: &buffer)
    buffer.writeInteger(code.rawValue)
  }

  static func writeWindowUpdate(_ stream: UInt32, increment: Int, into buffer: inout ByteBuffer) {
    writeHeader(.windowUpdate, length: 4, stream: stream, into: &buffer)
    buffer.writeInteger(UInt32(clamping: increment))
  }

  static func writeGoAway(
    lastStream: UInt32, _ code: HTTP2ErrorCode, reason: String, into buffer: inout ByteBuffer
  ) {
    writeHeader(.goAway, length: 8 + reason.utf8.count, into: &buffer)
    buffer.writeInteger(lastStream)
    buffer.writeInteger(code.rawValue)
    buffer.writeString(reason)
  }

  /// A field section, in as many frames as it needs.
  static func writeHeaders(
    _ stream: UInt32, _ section: ByteBuffer, endsStream: Bool, largestPayload: Int, into buffer: inout ByteBuffer
  ) {
    var section = section
    var kind = HTTP2Frame.Kind.headers
    var flags = endsStream ? HTTP2Frame.Flags.endStream : 0
    while true {
      let length = min(section.readableBytes, largestPayload)
      if length == section.readableBytes { flags |= HTTP2Frame.Flags.endHeaders }
      writeHeader(kind, length: length, flags: flags, stream: stream, into: &buffer)
      if var piece = section.readSlice(length: length) { buffer.writeBuffer(&piece) }
      if section.readableBytes == 0 { return }
      kind = .continuation
      flags = 0
    }
  }
}
