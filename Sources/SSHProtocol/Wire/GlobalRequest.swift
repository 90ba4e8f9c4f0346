import NIOCore

/// Where a client asks us to listen (RFC 4254 §7.1). `host` keeps the bytes as typed: they are echoed in every open, and
/// `==` of this type compares bytes.
package struct ForwardAddress: Sendable, Hashable {
  package var host: String
  package var port: UInt32

  package init(host: String, port: UInt32) {
    self.host = host
    self.port = port
  }

  package static func == (left: ForwardAddress, right: ForwardAddress) -> Bool {
    left.port == right.port && left.host.utf8.elementsEqual(right.host.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    for byte in host.utf8 { hasher.combine(byte) }
    hasher.combine(port)
  }
}

/// GLOBAL_REQUEST (80), as far as anybody acts on it.
enum GlobalRequest {
  case forward(ForwardAddress)
  case cancelForward(ForwardAddress)
  /// A Unix socket to listen on: never granted, and worth a word to whoever asked.
  case socketForward(path: String)
  case noMoreSessions
  case proveHostKeys([[UInt8]])
  /// Everything else, keepalives among them: FAILURE when an answer is wanted.
  case unknown

  static let keepalive = "keepalive@openssh.com"
  static let hostKeys = "hostkeys-00@openssh.com"
  static let hostKeysProve = "hostkeys-prove-00@openssh.com"
  static let noMoreSessionsName = "no-more-sessions@openssh.com"
  static let tcpipForward = "tcpip-forward"
  static let cancelTCPIPForward = "cancel-tcpip-forward"
  static let streamLocalForward = "streamlocal-forward@openssh.com"

  static func read(_ payload: ByteBuffer, limits: SSHLimits) throws(SSHError) -> (GlobalRequest, wantsReply: Bool) {
    var reader = MessageReader(message: payload, "GLOBAL_REQUEST")
    let name = try reader.bytes("request name", limit: 256)
    let wantsReply = try reader.boolean("want reply")
    switch String(decoding: name, as: UTF8.self) {
    case tcpipForward:
      return (.forward(try address(&reader, limits)), wantsReply)
    case cancelTCPIPForward:
      return (.cancelForward(try address(&reader, limits)), wantsReply)
    case streamLocalForward:
      let path = try reader.bytes("socket path", limit: limits.packetBeforeAuthentication)
      return (.socketForward(path: String(decoding: path.prefix(limits.forwardHostBytes), as: UTF8.self)), wantsReply)
    case noMoreSessionsName:
      return (.noMoreSessions, wantsReply)
    case hostKeysProve:
      var blobs: [[UInt8]] = []
      while reader.remainingCount > 0, blobs.count <= maximumProvedKeys {
        blobs.append(try reader.bytes("host key", limit: limits.publicKeyBytes))
      }
      return (.proveHostKeys(blobs), wantsReply)
    default:
      return (.unknown, wantsReply)
    }
  }

  /// A host that is no UTF-8, or longer than any, is no name of anything: it comes with a character that no name has, and
  /// is refused like an unknown one.
  private static func address(_ reader: inout MessageReader, _ limits: SSHLimits) throws(SSHError) -> ForwardAddress {
    let host = try reader.bytes("bind host", limit: limits.packetBeforeAuthentication)
    let port = try reader.uint32("bind port")
    try reader.end()
    guard host.count <= limits.forwardHostBytes, let text = String(validating: host, as: UTF8.self) else {
      let shown = String(decoding: host.prefix(limits.forwardHostBytes), as: UTF8.self)
      return ForwardAddress(host: shown + "\u{FFFD}", port: port)
    }
    return ForwardAddress(host: text, port: port)
  }

  static func write(_ name: String, wantsReply: Bool, into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.globalRequest)
    buffer.writeSSHString(name)
    buffer.writeSSHBoolean(wantsReply)
  }

  /// More keys than any server has.
  static let maximumProvedKeys = 16
}
