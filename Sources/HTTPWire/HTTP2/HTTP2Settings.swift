/// Names of settings (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).
enum HTTP2SettingID: UInt16 {
  case headerTableSize = 0x1
  case enablePush = 0x2
  case maxConcurrentStreams = 0x3
  case initialWindowSize = 0x4
  case maxFrameSize = 0x5
  case maxHeaderListSize = 0x6
  case enableConnectProtocol = 0x8
  case noRFC7540Priorities = 0x9
}

/// What the peer has told us, as far as it bounds what we send.
struct HTTP2PeerSettings {
  var headerTableSize = 4096
  var maxConcurrentStreams = Int.max
  var initialWindowSize = 65_535
  var maxFrameSize = 16_384
  var permitsConnectProtocol = false
  /// It says priorities as RFC 9218 does, if any.
  var hasNoTreePriorities = false

  /// Takes one setting over. Unknown ones are ignored.
  mutating func apply(_ id: UInt16, _ value: UInt32, role: HTTP2Role) throws(HTTP2Error) {
    switch HTTP2SettingID(rawValue: id) {
    case .headerTableSize: headerTableSize = Int(value)
    case .enablePush:
      guard value == 0 || (value == 1 && role == .server) else {
        throw HTTP2Error(.protocolError, "SETTINGS_ENABLE_PUSH that may not be")
      }
    case .maxConcurrentStreams: maxConcurrentStreams = Int(value)
    case .initialWindowSize:
      guard value <= HTTP2Frame.largestStreamID else {
        throw HTTP2Error(.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE beyond 2^31-1")
      }
      initialWindowSize = Int(value)
    case .maxFrameSize:
      guard value >= 16_384, value <= 16_777_215 else {
        throw HTTP2Error(.protocolError, "SETTINGS_MAX_FRAME_SIZE out of bounds")
      }
      maxFrameSize = Int(value)
    case .enableConnectProtocol:
      guard value <= 1, !(permitsConnectProtocol && value == 0) else {
        throw HTTP2Error(.protocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL that may not be")
      }
      permitsConnectProtocol = value == 1
    case .noRFC7540Priorities:
      guard value <= 1 else { throw HTTP2Error(.protocolError, "SETTINGS_NO_RFC7540_PRIORITIES that may not be") }
      hasNoTreePriorities = value == 1
    case .maxHeaderListSize, nil: break
    }
  }
}

/// Which end of a connection we are.
package enum HTTP2Role: Sendable {
  /// Towards visitors.
  case server
  /// Towards a service.
  case client
}
