import NIOCore

/// The line for people: `PROXY TCP4 192.0.2.1 198.51.100.2 56324 22` with CR LF (section 2.1 of the specification).
enum ProxyHeaderVersion1 {
  static let signature = Array("PROXY ".utf8)
  /// With CR LF; the specification's own bound.
  static let longestLine = 107

  static func read(_ bytes: inout ByteBuffer) throws(ProxyProtocolError) -> ProxyHeader? {
    let view = bytes.readableBytesView.prefix(longestLine)
    guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
      guard view.count < longestLine else { throw .malformed(expected: "a line of at most \(longestLine) bytes") }
      return nil
    }
    let line = view[..<end]
    guard line.last == UInt8(ascii: "\r") else { throw .malformed(expected: "CR before LF") }
    let header = try parse(line.dropLast())
    bytes.moveReaderIndex(forwardBy: line.count + 1)
    return header
  }

  private static func parse(_ line: ByteBufferView) throws(ProxyProtocolError) -> ProxyHeader {
    let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard fields.count >= 2 else { throw .malformed(expected: "TCP4, TCP6 or UNKNOWN") }
    // "the receiver must ignore anything presented before the CRLF".
    if fields[1].elementsEqual("UNKNOWN".utf8) { return .unspecified }
    let isVersion4 = fields[1].elementsEqual("TCP4".utf8)
    guard isVersion4 || fields[1].elementsEqual("TCP6".utf8) else {
      throw .malformed(expected: "TCP4, TCP6 or UNKNOWN")
    }
    guard fields.count == 6, let sourcePort = port(fields[4]), let destinationPort = port(fields[5]),
      let source = address(fields[2], isVersion4: isVersion4, port: sourcePort),
      let destination = address(fields[3], isVersion4: isVersion4, port: destinationPort)
    else { throw .malformed(expected: "two addresses of \(isVersion4 ? "TCP4" : "TCP6") and two ports") }
    return .announced(source: source, destination: destination)
  }

  private static func address(_ text: some Collection<UInt8>, isVersion4: Bool, port: Int) -> SocketAddress? {
    let isPart: (UInt8) -> Bool = { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): true
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"): !isVersion4
      default: false
      }
    }
    guard text.allSatisfy(isPart),
      let address = try? SocketAddress(ipAddress: String(decoding: text, as: UTF8.self), port: port),
      address.protocol == (isVersion4 ? .inet : .inet6)
    else { return nil }
    return address
  }

  /// Decimal, without leading zeros.
  private static func port(_ text: some Collection<UInt8>) -> Int? {
    guard (1...5).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
    var value = 0
    for byte in text {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value <= 65535 ? value : nil
  }
}
