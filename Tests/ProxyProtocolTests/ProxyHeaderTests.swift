import NIOCore
import Testing

@testable import ProxyProtocol

/// The reader of headers, fed with what proxies send and with what nobody should take for a header.
struct ProxyHeaderTests {
  static let rest: [UInt8] = Array("SSH-2.0-x\r\n".utf8)

  static func read(_ bytes: [UInt8]) throws -> (header: ProxyHeader?, rest: [UInt8]) {
    var buffer = ByteBuffer(bytes: [0xEE] + bytes)
    buffer.moveReaderIndex(forwardBy: 1)
    let header = try ProxyHeader(reading: &buffer)
    return (header, Array(buffer.readableBytesView))
  }

  static func announced(_ source: String, _ sourcePort: Int, _ destination: String, _ port: Int) throws -> ProxyHeader {
    .announced(
      source: try SocketAddress(ipAddress: source, port: sourcePort),
      destination: try SocketAddress(ipAddress: destination, port: port))
  }

  static func version2(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
    let length = length ?? body.count
    return ProxyHeaderVersion2.signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + body
  }

  static let inet: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 2, 0xDC, 0x04, 0, 22]
  static let inet6: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7]
    + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [2] + [0xDC, 0x04, 0, 22]

  // MARK: Version 1

  @Test func aLineOfEachFamily() throws {
    let (first, rest) = try Self.read(Array("PROXY TCP4 192.0.2.7 198.51.100.2 56324 22\r\n".utf8) + Self.rest)
    #expect(try first == Self.announced("192.0.2.7", 56324, "198.51.100.2", 22))
    #expect(rest == Self.rest)
    let (second, _) = try Self.read(Array("PROXY TCP6 2001:db8::7 ::ffff:198.51.100.2 0 65535\r\n".utf8))
    #expect(try second == Self.announced("2001:db8::7", 0, "::ffff:198.51.100.2", 65535))
  }

  @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "PROXY UNKNOWN \u{7}, \r\n"])
  func anUnknownLineSaysNothing(_ line: String) throws {
    let (header, rest) = try Self.read(Array(line.utf8) + Self.rest)
    #expect(header == .unspecified)
    #expect(rest == Self.rest)
  }

  @Test func theLongestLineIsTakenAndOneByteMoreIsNot() throws {
    let padding = String(repeating: "x", count: ProxyHeaderVersion1.longestLine - "PROXY UNKNOWN \r\n".utf8.count)
    #expect(try Self.read(Array("PROXY UNKNOWN \(padding)\r\n".utf8)).header == .unspecified)
    #expect(throws: ProxyProtocolError.self) { try Self.read(Array("PROXY UNKNOWN x\(padding)\r\n".utf8)) }
    // Nor is more than that waited for.
    #expect(throws: ProxyProtocolError.self) {
      try Self.read(Array(("PROXY UNKNOWN " + String(repeating: "x", count: 93)).utf8))
    }
  }

  @Test(arguments: [
    "PROXY TCP4 192.0.2.7 198.51.100.2 56324 22\n", "PROXY TCP4  192.0.2.7 198.51.100.2 56324 22\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.2 56324 22 \r\n", "PROXY TCP4 192.0.2.7 198.51.100.2 56324\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.2 1 22\r\n", "PROXY TCP4 192.0.2 198.51.100.2 1 22\r\n",
    "PROXY TCP4 192.0.2.07 198.51.100.2 1 22\r\n", "PROXY TCP4 2001:db8::7 198.51.100.2 1 22\r\n",
    "PROXY TCP4 2001:db8::7 2001:db8::8 1 22\r\n", "PROXY TCP6 192.0.2.7 198.51.100.2 1 22\r\n",
    "PROXY TCP6 fe80::1%lo ::1 1 22\r\n", "PROXY TCP6 2001:db8:::7 ::1 1 22\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.2 65536 22\r\n", "PROXY TCP4 192.0.2.7 198.51.100.2 -1 22\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.2 +1 22\r\n", "PROXY TCP4 192.0.2.7 198.51.100.2 01 22\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.2 999999999999999999999 22\r\n", "PROXY TCP4 192.0.2.7 198.51.100.2  22\r\n",
    "PROXY TCP4 localhost localhost 1 22\r\n", "PROXY UDP4 192.0.2.7 198.51.100.2 1 22\r\n", "PROXY \r\n",
    "PROXY tcp4 192.0.2.7 198.51.100.2 1 22\r\n", "PROXY TCP4 192.0.2.7\u{0} 198.51.100.2 1 22\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.2 1 22\r\r\n", "proxy TCP4 192.0.2.7 198.51.100.2 1 22\r\n", "SSH-2.0-x\r\n",
    "PROXYTCP4 192.0.2.7 198.51.100.2 1 22\r\n", " PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n", "\r\n\r\nPROXY",
  ])
  func aLineThatIsNotQuiteOneIsNone(_ line: String) {
    #expect(throws: ProxyProtocolError.self) { try Self.read(Array(line.utf8)) }
  }

  // MARK: Version 2

  @Test func aBinaryHeaderOfEachFamily() throws {
    let (first, rest) = try Self.read(Self.version2(0x21, 0x11, Self.inet) + Self.rest)
    #expect(try first == Self.announced("192.0.2.7", 56324, "198.51.100.2", 22))
    #expect(rest == Self.rest)
    let (second, more) = try Self.read(Self.version2(0x21, 0x21, Self.inet6) + Self.rest)
    #expect(try second == Self.announced("2001:db8::7", 56324, "2001:db8::2", 22))
    #expect(more == Self.rest)
  }

  @Test func whatTheProxyHasMoreToTellIsSkipped() throws {
    let more: [UInt8] = [0x03, 0, 4, 1, 2, 3, 4, 0x04, 0, 3, 0, 0, 0]
    let (header, rest) = try Self.read(Self.version2(0x21, 0x11, Self.inet + more) + Self.rest)
    #expect(try header == Self.announced("192.0.2.7", 56324, "198.51.100.2", 22))
    #expect(rest == Self.rest)
    let longest = [UInt8](repeating: 0xEA, count: ProxyHeaderVersion2.longestBody - 12)
    #expect(try Self.read(Self.version2(0x21, 0x11, Self.inet + longest)).header != nil)
  }

  @Test(arguments: [
    (UInt8(0x20), UInt8(0x00), 0), (0x20, 0x11, 12), (0x20, 0x11, 0), (0x20, 0xFF, 5), (0x21, 0x00, 0), (0x21, 0x00, 9),
    (0x21, 0x31, 216), (0x21, 0x31, 0),
  ])
  func aHeaderThatNamesNobodySaysNothing(_ command: UInt8, _ family: UInt8, _ count: Int) throws {
    let body = [UInt8](repeating: 0x2F, count: count)
    let (header, rest) = try Self.read(Self.version2(command, family, body) + Self.rest)
    #expect(header == .unspecified)
    #expect(rest == Self.rest)
  }

  @Test(arguments: [
    (UInt8(0x11), UInt8(0x11), 12), (0x31, 0x11, 12), (0x01, 0x11, 12), (0x22, 0x11, 12), (0x2F, 0x11, 12),
    (0x21, 0x12, 12), (0x21, 0x22, 36), (0x21, 0x32, 216), (0x21, 0x10, 12), (0x21, 0x01, 12), (0x21, 0x41, 12),
    (0x21, 0x11, 11), (0x21, 0x11, 0), (0x21, 0x21, 35), (0x20, 0x00, 537), (0x21, 0x11, 65535),
  ])
  func aBinaryHeaderThatBreaksTheRulesIsNone(_ command: UInt8, _ family: UInt8, _ length: Int) {
    // Told by the fixed part: nothing is waited for, and nothing allocated, by the length field.
    #expect(throws: ProxyProtocolError.self) { try Self.read(Self.version2(command, family, [], length: length)) }
  }

  // MARK: Piece by piece

  @Test(arguments: [
    Array("PROXY TCP4 192.0.2.7 198.51.100.2 56324 22\r\n".utf8), version2(0x21, 0x11, inet + [1, 0, 0]),
    version2(0x21, 0x21, inet6), version2(0x20, 0x00, []),
  ])
  func everyBeginningIsWaitedFor(_ whole: [UInt8]) throws {
    for count in whole.indices {
      let (header, rest) = try Self.read(Array(whole[..<count]))
      #expect(header == nil)
      #expect(rest.count == count)
    }
    #expect(try Self.read(whole).header != nil)
  }

  @Test func noByteStringTraps() {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next() -> UInt8 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state)
    }
    let seeds = [Array("PROXY TCP6 2001:db8::7 ::1 56324 22\r\n".utf8), Self.version2(0x21, 0x21, Self.inet6)]
    for round in 0..<4000 {
      var bytes = seeds[round % 2]
      for _ in 0..<Int(next() % 6) { bytes[Int(next()) % bytes.count] = next() }
      bytes.removeLast(Int(next()) % bytes.count)
      _ = try? Self.read(bytes)
    }
  }
}
