import NIOCore

/// What a channel is opened for (RFC 4254 §6.1, §7.2).
package enum ChannelOpen: Sendable, Equatable {
  case session
  /// The client asks us to reach a host.
  case directTCPIP(host: String, port: UInt32, originatorHost: String, originatorPort: UInt32)
  /// Somebody connected to a forward; host and port exactly as the client asked for them.
  case forwardedTCPIP(connectedHost: String, connectedPort: UInt32, originatorHost: String, originatorPort: UInt32)

  var typeName: String {
    switch self {
    case .session: "session"
    case .directTCPIP: "direct-tcpip"
    case .forwardedTCPIP: "forwarded-tcpip"
    }
  }
}

/// RFC 4254 §5.1.
package enum ChannelOpenFailureReason: UInt32, Sendable {
  case administrativelyProhibited = 1
  case connectFailed = 2
  case unknownChannelType = 3
  case resourceShortage = 4
}

/// CHANNEL_OPEN (90).
struct ChannelOpenMessage {
  enum Purpose {
    case known(ChannelOpen)
    /// A type we know and never serve.
    case prohibited
    case unknown
  }

  var sender: UInt32
  var window: UInt32
  var maximumPacket: UInt32
  var purpose: Purpose

  private static let prohibited: Set<String> = [
    "x11", "auth-agent@openssh.com", "agent-connect", "direct-streamlocal@openssh.com",
    "forwarded-streamlocal@openssh.com", "tun@openssh.com",
  ]

  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_OPEN")
    let type = try reader.text("channel type", limit: limits.nameLength * 2)
    sender = try reader.uint32("sender channel")
    window = try reader.uint32("window")
    maximumPacket = try reader.uint32("maximum packet")
    guard maximumPacket > 0 else { throw reader.failure("a maximum packet above 0", "0") }
    switch type {
    case "session":
      try reader.end()
      purpose = .known(.session)
    case "direct-tcpip", "forwarded-tcpip":
      let host = try reader.text("host", limit: limits.forwardHostBytes)
      let port = try reader.uint32("port")
      let originator = try reader.text("originator", limit: limits.forwardHostBytes)
      let originatorPort = try reader.uint32("originator port")
      try reader.end()
      purpose =
        type == "direct-tcpip"
        ? .known(.directTCPIP(host: host, port: port, originatorHost: originator, originatorPort: originatorPort))
        : .known(
          .forwardedTCPIP(
            connectedHost: host, connectedPort: port, originatorHost: originator, originatorPort: originatorPort))
    default:
      purpose = ChannelOpenMessage.prohibited.contains(type) ? .prohibited : .unknown
    }
  }

  static func write(
    _ open: ChannelOpen, sender: UInt32, window: UInt32, maximumPacket: UInt32, into buffer: inout ByteBuffer
  ) {
    buffer.writeInteger(MessageNumber.channelOpen)
    buffer.writeSSHString(open.typeName)
    buffer.writeInteger(sender)
    buffer.writeInteger(window)
    buffer.writeInteger(maximumPacket)
    switch open {
    case .session:
      break
    case .directTCPIP(let host, let port, let originator, let originatorPort),
      .forwardedTCPIP(let host, let port, let originator, let originatorPort):
      buffer.writeSSHString(host)
      buffer.writeInteger(port)
      buffer.writeSSHString(originator)
      buffer.writeInteger(originatorPort)
    }
  }
}
