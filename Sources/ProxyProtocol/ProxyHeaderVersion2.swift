import NIOCore

/// The binary header (section 2.2 of the specification): signature, version and command, family, length, addresses, and
/// then whatever else the proxy has to tell (TLVs), which is skipped.
enum ProxyHeaderVersion2 {
  static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
  /// Of what follows the fixed part. The specification promises that a header fits into the smallest segment a network
  /// must carry, 536 bytes; real ones have 12 to about 300.
  static let longestBody = 536
  private static let fixedPart = 16

  static func read(_ bytes: inout ByteBuffer) throws(ProxyProtocolError) -> ProxyHeader? {
    let start = bytes.readerIndex
    guard bytes.readableBytes >= fixedPart, let versionAndCommand = bytes.getInteger(at: start + 12, as: UInt8.self),
      let family = bytes.getInteger(at: start + 13, as: UInt8.self),
      let length = bytes.getInteger(at: start + 14, as: UInt16.self).map(Int.init)
    else { return nil }
    guard versionAndCommand >> 4 == 2 else { throw .malformed(expected: "version 2") }
    guard length <= longestBody else { throw .malformed(expected: "at most \(longestBody) bytes of addresses") }
    let addressLength = try addressLength(command: versionAndCommand & 0x0F, family: family)
    guard length >= addressLength ?? 0 else { throw .malformed(expected: "addresses of their family's length") }
    // Wrong ones have been told; a right one is waited for.
    guard bytes.readableBytes >= fixedPart + length else { return nil }
    let header = try addressLength.map { size throws(ProxyProtocolError) in
      try addresses(in: bytes, at: start + fixedPart, size: (size - 4) / 2)
    }
    bytes.moveReaderIndex(forwardBy: fixedPart + length)
    return header ?? .unspecified
  }

  /// How many bytes of addresses and ports there must be; nil where none count.
  private static func addressLength(command: UInt8, family: UInt8) throws(ProxyProtocolError) -> Int? {
    switch (command, family) {
    // LOCAL: "the receiver must discard the protocol block including the family which is ignored".
    case (0, _): return nil
    // Unspecified, and a stream of a Unix socket.
    case (1, 0x00), (1, 0x31): return nil
    case (1, 0x11): return 12
    case (1, 0x21): return 36
    case (1, _): throw .malformed(expected: "a stream over IPv4, IPv6 or a Unix socket")
    default: throw .malformed(expected: "the command LOCAL or PROXY")
    }
  }

  private static func addresses(in bytes: ByteBuffer, at start: Int, size: Int) throws(ProxyProtocolError)
    -> ProxyHeader
  {
    func address(_ number: Int) -> SocketAddress? {
      guard let packed = bytes.getSlice(at: start + number * size, length: size),
        let port = bytes.getInteger(at: start + 2 * size + number * 2, as: UInt16.self)
      else { return nil }
      return try? SocketAddress(packedIPAddress: packed, port: Int(port))
    }
    guard let source = address(0), let destination = address(1) else {
      throw .malformed(expected: "two addresses and two ports")
    }
    return .announced(source: source, destination: destination)
  }
}
