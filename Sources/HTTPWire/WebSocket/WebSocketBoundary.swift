import NIOCore

/// Follows where the frames of one direction of a WebSocket begin and end (RFC 6455 section 5.2), without looking into them:
/// only there a frame of ours may stand. Payloads are skipped, so it costs a few bytes of work a frame.
package struct WebSocketBoundary: Sendable {
  /// Payload of the frame under way that has not passed.
  private var left: UInt64 = 0
  /// Bytes of its head that have passed, of how many.
  private var seen = 0
  private var headLength = 2
  private var length: UInt64 = 0
  private var isClose = false
  /// A Close frame has passed: nothing may follow it.
  package private(set) var hasClosed = false
  /// A length that no frame can have: whatever this is, its ends cannot be told.
  private var isBroken = false

  package init() {}

  /// Whether the last byte was the last of a frame, so that another one may follow.
  package var isBetweenFrames: Bool { left == 0 && seen == 0 && !isBroken }

  package mutating func pass(_ bytes: ByteBuffer) {
    let span = bytes.readableBytesUInt8Span
    var index = 0
    while index < span.count, !isBroken {
      if left > 0 {
        let step = min(left, UInt64(span.count - index))
        left -= step
        index += Int(step)
      } else {
        take(span[index])
        index += 1
      }
    }
  }

  /// A byte of a frame's head.
  private mutating func take(_ byte: UInt8) {
    switch seen {
    case 0:
      isClose = byte & 0x0F == 0x8
      headLength = 2
    case 1:
      let short = byte & 0x7F
      length = short < 126 ? UInt64(short) : 0
      let more = short == 126 ? 2 : short == 127 ? 8 : 0
      lengthEnd = 2 + more
      headLength = lengthEnd + (byte & 0x80 == 0 ? 0 : 4)
    case 2..<lengthEnd:
      length = length << 8 | UInt64(byte)
    default: break
    }
    seen += 1
    guard seen == headLength, seen > 1 else { return }
    seen = 0
    left = length
    isBroken = length > UInt64(Int64.max)
    if isClose { hasClosed = true }
  }

  /// Where the extended length ends within the head.
  private var lengthEnd = 2
}

/// The frame that ends a WebSocket (RFC 6455 section 5.5.1).
package enum WebSocketClose {
  /// RFC 6455 section 7.4.1.
  package enum Code: UInt16, Sendable {
    case goingAway = 1001
    case policyViolation = 1008
  }

  /// `maskingKey`: four bytes that nobody can foretell, in frames to a server; none in frames to a client.
  package static func frame(_ code: Code, reason: String, maskingKey: [UInt8]? = nil) -> ByteBuffer {
    var payload = [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
    // A control frame carries 125 bytes at most; the texts are ASCII.
    payload += reason.utf8.prefix(123)
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt8(0x88))
    let isMasked = maskingKey?.count == 4
    buffer.writeInteger(UInt8(truncatingIfNeeded: payload.count) | (isMasked ? 0x80 : 0))
    if let maskingKey, isMasked {
      buffer.writeBytes(maskingKey)
      for index in payload.indices { payload[index] ^= maskingKey[index & 3] }
    }
    buffer.writeBytes(payload)
    return buffer
  }
}
