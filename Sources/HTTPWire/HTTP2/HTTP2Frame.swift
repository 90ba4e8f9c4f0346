import NIOCore

/// One frame, its padding taken off and its lengths checked (RFC 9113 section 6).
enum HTTP2Frame {
  /// `counted` is what it takes from the flow-control windows: the payload with its padding.
  case data(UInt32, ByteBuffer, counted: Int, endsStream: Bool)
  case headers(UInt32, ByteBuffer, endsStream: Bool, endsHeaders: Bool)
  case continuation(UInt32, ByteBuffer, endsHeaders: Bool)
  case priority(UInt32)
  /// RFC 9218 section 7.1: the stream that is meant, and its `priority` field.
  case priorityUpdate(UInt32, ByteBuffer)
  case reset(UInt32, HTTP2ErrorCode)
  case settings([(id: UInt16, value: UInt32)])
  case settingsAcknowledged
  case pushPromise(UInt32)
  case ping(UInt64)
  case pingAnswered(UInt64)
  case goAway(lastStream: UInt32, HTTP2ErrorCode)
  case windowUpdate(UInt32, increment: UInt32)
  /// Of a type nobody knows: to be ignored (RFC 9113 section 4.1).
  case unknown

  /// The types of RFC 9113 section 6 and RFC 9218 section 7.1.
  enum Kind: UInt8 {
    case data = 0x0
    case headers = 0x1
    case priority = 0x2
    case reset = 0x3
    case settings = 0x4
    case pushPromise = 0x5
    case ping = 0x6
    case goAway = 0x7
    case windowUpdate = 0x8
    case continuation = 0x9
    case priorityUpdate = 0x10
  }

  struct Flags {
    static let acknowledgement: UInt8 = 0x1
    static let endStream: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
  }

  /// What stands before every payload.
  static let headerLength = 9
  static let largestStreamID: UInt32 = 0x7FFF_FFFF
}
