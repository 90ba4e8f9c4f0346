import NIOCore

/// KEXINIT (RFC 4253 §7.1): what one side offers.
struct KeyExchangeInitMessage: Sendable, Equatable {
  var cookie: [UInt8]
  var keyExchange: [String]
  var hostKey: [String]
  var encryptionToServer: [String]
  var encryptionToClient: [String]
  var macToServer: [String]
  var macToClient: [String]
  var compressionToServer: [String]
  var compressionToClient: [String]
  var languageToServer: [String] = []
  var languageToClient: [String] = []
  /// A message of the sender's first method follows without waiting (RFC 4253 §7).
  var firstPacketFollows = false

  static let cookieLength = 16

  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.keyExchangeInit)
    buffer.writeBytes(cookie)
    for list in [
      keyExchange, hostKey, encryptionToServer, encryptionToClient, macToServer, macToClient, compressionToServer,
      compressionToClient, languageToServer, languageToClient,
    ] {
      buffer.writeNameList(list)
    }
    buffer.writeSSHBoolean(firstPacketFollows)
    buffer.writeInteger(UInt32(0))
  }
}

extension KeyExchangeInitMessage {
  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "KEXINIT")
    guard payload.readableBytes <= limits.packetBeforeAuthentication else {
      throw reader.failure("at most \(limits.packetBeforeAuthentication) bytes", "\(payload.readableBytes)")
    }
    cookie = try reader.fixed("cookie", count: KeyExchangeInitMessage.cookieLength)
    keyExchange = try reader.nameList("key exchange methods", limits: limits)
    hostKey = try reader.nameList("host key algorithms", limits: limits)
    encryptionToServer = try reader.nameList("ciphers to the server", limits: limits)
    encryptionToClient = try reader.nameList("ciphers to the client", limits: limits)
    macToServer = try reader.nameList("MACs to the server", limits: limits)
    macToClient = try reader.nameList("MACs to the client", limits: limits)
    compressionToServer = try reader.nameList("compression to the server", limits: limits)
    compressionToClient = try reader.nameList("compression to the client", limits: limits)
    languageToServer = try reader.nameList("languages to the server", limits: limits)
    languageToClient = try reader.nameList("languages to the client", limits: limits)
    firstPacketFollows = try reader.boolean("first packet follows")
    _ = try reader.uint32("reserved")
    try reader.end()
  }
}
