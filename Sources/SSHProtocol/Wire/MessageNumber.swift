/// Message numbers (RFC 4250 §4.1.2) and who may use them when (ssh.md, appendix B).
package enum MessageNumber {
  package static let disconnect: UInt8 = 1
  package static let ignore: UInt8 = 2
  package static let unimplemented: UInt8 = 3
  package static let debug: UInt8 = 4
  package static let serviceRequest: UInt8 = 5
  package static let serviceAccept: UInt8 = 6
  package static let extensionInfo: UInt8 = 7
  package static let keyExchangeInit: UInt8 = 20
  package static let newKeys: UInt8 = 21
  package static let keyExchangeRequest: UInt8 = 30
  package static let keyExchangeReply: UInt8 = 31
  package static let authenticationRequest: UInt8 = 50
  package static let authenticationFailure: UInt8 = 51
  package static let authenticationSuccess: UInt8 = 52
  package static let banner: UInt8 = 53
  /// PK_OK and INFO_REQUEST share a number; the method in progress tells which.
  package static let publicKeyAccepted: UInt8 = 60
  package static let informationRequest: UInt8 = 60
  package static let informationResponse: UInt8 = 61
  package static let globalRequest: UInt8 = 80
  package static let requestSuccess: UInt8 = 81
  package static let requestFailure: UInt8 = 82
  package static let channelOpen: UInt8 = 90
  package static let channelOpenConfirmation: UInt8 = 91
  package static let channelOpenFailure: UInt8 = 92
  package static let channelWindowAdjust: UInt8 = 93
  package static let channelData: UInt8 = 94
  package static let channelExtendedData: UInt8 = 95
  package static let channelEOF: UInt8 = 96
  package static let channelClose: UInt8 = 97
  package static let channelRequest: UInt8 = 98
  package static let channelSuccess: UInt8 = 99
  package static let channelFailure: UInt8 = 100
  package static let ping: UInt8 = 192
  package static let pong: UInt8 = 193

  /// Numbers that the transport machine consumes itself, in every phase.
  static func belongsToTransport(_ number: UInt8) -> Bool {
    switch number {
    case 1...4, 7, 20, 21, 30...49, ping, pong: true
    default: false
    }
  }

  static func belongsToConnection(_ number: UInt8) -> Bool {
    switch number {
    case globalRequest...requestFailure, channelOpen...channelFailure: true
    default: false
    }
  }
}

/// How far a connection has come, above the transport.
package enum ConnectionPhase: Sendable, Equatable {
  /// Keys are in force; SERVICE_REQUEST or SERVICE_ACCEPT is next.
  case service
  case authentication
  case connection
  /// DISCONNECT was sent or received.
  case ended

  /// What may be done with a message of this number that came from the peer of `role`.
  func ruling(on number: UInt8, role: SSHRole) -> MessageRuling {
    switch self {
    case .service:
      return number == (role == .server ? MessageNumber.serviceRequest : MessageNumber.serviceAccept)
        ? .authentication : .illegal
    case .authentication:
      switch (role, number) {
      case (.server, MessageNumber.authenticationRequest), (.server, MessageNumber.informationResponse),
        (.server, MessageNumber.serviceRequest):  // paramiko asks anew before every request
        return .authentication
      case (.client, 51), (.client, 52), (.client, 53), (.client, 60):
        return .authentication
      default:
        return .illegal
      }
    case .connection:
      if MessageNumber.belongsToConnection(number) { return .connection }
      // RFC 4252 §5.1: further requests are ignored silently. A banner may have crossed our last request.
      if number == (role == .server ? MessageNumber.authenticationRequest : MessageNumber.banner) { return .ignored }
      switch number {
      case MessageNumber.serviceRequest, MessageNumber.serviceAccept, 50...53, 60, 61: return .illegal
      default: return .unknown
      }
    case .ended:
      return .ignored
    }
  }

  var expectation: String {
    switch self {
    case .service: "a service message"
    case .authentication: "an authentication message"
    case .connection: "a connection message"
    case .ended: "nothing"
    }
  }
}

enum MessageRuling: Equatable {
  case authentication
  case connection
  case ignored
  /// Answered with UNIMPLEMENTED, within a bound.
  case unknown
  case illegal
}

/// Which end of the connection we are.
package enum SSHRole: Sendable, Equatable {
  case client
  case server
}
