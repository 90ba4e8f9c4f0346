import EdgeCrypto
import NIOCore

/// One direction's cipher between two key exchanges. An enum and not a protocol: it is called for every packet.
enum PacketProtection {
  case none
  case gcm(AESGCMPacketCipher)
  case chachaPoly(ChaChaPolyPacketCipher)
  case counter(AESCTRPacketCipher, encryptsFirst: Bool)

  init(
    _ cipher: CipherAlgorithm, _ mac: MACAlgorithm?, nonce: SecretBytes, key: SecretBytes, macKey: SecretBytes,
    _ use: CipherDirection
  ) throws(SSHError) {
    do {
      switch cipher {
      case .aes128GCM, .aes256GCM:
        self = .gcm(try AESGCMPacketCipher(key: key, nonce: nonce, direction: use))
      case .chachaPoly:
        self = .chachaPoly(try ChaChaPolyPacketCipher(key: key, direction: use))
      case .aes128CTR, .aes192CTR, .aes256CTR:
        guard let mac else { throw CryptoErrorCause.missingMAC }
        self = .counter(
          try AESCTRPacketCipher(
            key: key, iv: nonce, mac: mac.primitive, macKey: macKey, encryptThenMAC: mac.encryptsFirst, direction: use),
          encryptsFirst: mac.encryptsFirst)
      }
    } catch {
      throw .cryptography("setting up \(cipher.name)", "\(error)")
    }
  }

  private enum CryptoErrorCause: Error { case missingMAC }

  /// The bytes after the packet.
  var tagLength: Int {
    switch self {
    case .none: 0
    case .gcm: AESGCMPacketCipher.tagLength
    case .chachaPoly: ChaChaPolyPacketCipher.tagLength
    case .counter(let cipher, _): cipher.tagLength
    }
  }

  var blockLength: Int {
    switch self {
    case .none, .chachaPoly: 8
    case .gcm, .counter: 16
    }
  }

  /// Whether the four length bytes are part of what must be a multiple of the block (ssh.md 1.2).
  var padsLength: Bool {
    switch self {
    case .none, .counter(_, encryptsFirst: false): true
    case .gcm, .chachaPoly, .counter(_, encryptsFirst: true): false
    }
  }

  /// How many bytes must be there before the length can be known.
  var headerLength: Int {
    switch self {
    case .none, .gcm, .chachaPoly, .counter(_, encryptsFirst: true): 4
    case .counter(_, encryptsFirst: false): AESCTRPacketCipher.blockSize
    }
  }

  /// The packet_length field of the packet at the reader index. Untrusted. Called once per packet: for a MAC over plain
  /// text it decrypts the first block in place.
  func packetLength(_ buffer: inout ByteBuffer, sequence: UInt32) throws(SSHError) -> UInt32 {
    switch self {
    case .none, .gcm, .counter(_, encryptsFirst: true):
      break
    case .chachaPoly(let cipher):
      do {
        return try cipher.length(buffer.readableBytesSpan, sequence: sequence)
      } catch {
        throw .integrity
      }
    case .counter(let cipher, encryptsFirst: false):
      try PacketProtection.inPlace(&buffer, count: AESCTRPacketCipher.blockSize) {
        span throws(CryptoError) in try cipher.openFirstBlock(&span)
      }
    }
    return buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) ?? 0
  }

  /// Checks and decrypts the `count` bytes at the reader index, tag included, in place.
  func open(_ buffer: inout ByteBuffer, count: Int, sequence: UInt32) throws(SSHError) {
    switch self {
    case .none:
      return
    case .gcm(let cipher):
      try PacketProtection.inPlace(&buffer, count: count) { span throws(CryptoError) in try cipher.open(&span) }
    case .chachaPoly(let cipher):
      try PacketProtection.inPlace(&buffer, count: count) {
        span throws(CryptoError) in try cipher.open(&span, sequence: sequence)
      }
    case .counter(let cipher, _):
      try PacketProtection.inPlace(&buffer, count: count) {
        span throws(CryptoError) in try cipher.open(&span, sequence: sequence)
      }
    }
  }

  /// Encrypts the `count` bytes at the reader index, room for the tag included, in place.
  func seal(_ buffer: inout ByteBuffer, count: Int, sequence: UInt32) throws(SSHError) {
    switch self {
    case .none:
      return
    case .gcm(let cipher):
      try PacketProtection.inPlace(&buffer, count: count) { span throws(CryptoError) in try cipher.seal(&span) }
    case .chachaPoly(let cipher):
      try PacketProtection.inPlace(&buffer, count: count) {
        span throws(CryptoError) in try cipher.seal(&span, sequence: sequence)
      }
    case .counter(let cipher, _):
      try PacketProtection.inPlace(&buffer, count: count) {
        span throws(CryptoError) in try cipher.seal(&span, sequence: sequence)
      }
    }
  }

  /// Hands the first `count` readable bytes to the cipher. Only indices move: what lies behind them stays as it is.
  @inline(__always)
  private static func inPlace(
    _ buffer: inout ByteBuffer, count: Int, _ body: (inout MutableRawSpan) throws(CryptoError) -> Void
  ) throws(SSHError) {
    let end = buffer.writerIndex
    guard count <= buffer.readableBytes else {
      throw .framing(expected: "\(count) bytes", got: "\(buffer.readableBytes)")
    }
    buffer.moveWriterIndex(to: buffer.readerIndex + count)
    defer { buffer.moveWriterIndex(to: end) }
    do {
      var span = buffer.mutableReadableBytesSpan
      try body(&span)
    } catch {
      throw .integrity
    }
  }
}
