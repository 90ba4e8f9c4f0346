import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import HTTPWire

@Suite struct FieldSectionReaderTests {
  private static func bytes(_ hex: String) -> ByteBuffer {
    var digits: [UInt8] = []
    for byte in hex.utf8 { if let digit = ByteClass.hexDigit(byte) { digits.append(digit) } }
    return ByteBuffer(bytes: stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
  }

  private static func text(_ lines: FieldLines) -> [String] {
    lines.lines.map {
      String(decoding: lines.name($0), as: UTF8.self) + ": " + String(decoding: lines.value($0), as: UTF8.self)
    }
  }

  private static func reader() -> FieldSectionReader { FieldSectionReader(largestListBytes: 256 << 10) }

  /// RFC 7541 appendix C.3 and C.4: three requests on one connection, plain and with the Huffman code.
  @Test(arguments: [
    [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
  ])
  func theExamplesOfTheRFC(_ sections: [String]) throws {
    var reader = Self.reader()
    let read = try sections.map { Self.text(try reader.read(Self.bytes($0))) }
    let common = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
    #expect(read[0] == common)
    #expect(read[1] == common + ["cache-control: no-cache"])
    #expect(
      read[2] == [
        ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
        "custom-key: custom-value",
      ])
  }

  /// Appendix C.5 and C.6: responses with a table of 256 bytes, so that entries make room for others.
  @Test(arguments: [
    [
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "4803 3330 37c1 c0bf",
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ],
    [
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      "4883 640e ffc1 c0bf",
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ],
  ])
  func theExamplesWithEviction(_ sections: [String]) throws {
    var reader = Self.reader()
    _ = try reader.read(Self.bytes("3fe101"))
    let read = try sections.map { Self.text(try reader.read(Self.bytes($0))) }
    let fields = ["cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"]
    #expect(read[0] == [":status: 302"] + fields)
    #expect(read[1] == [":status: 307"] + fields)
    #expect(
      read[2] == [
        ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
        "location: https://www.example.com", "content-encoding: gzip",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      ])
  }

  @Test func bytesStayAsTheyAre() throws {
    var reader = Self.reader()
    let value: [UInt8] = [0x63, 0x61, 0x66, 0xE9, 0xFF, 0x80, 0xC0]
    var section = ByteBuffer(bytes: [0x40, 1, 0x78, UInt8(value.count)])
    section.writeBytes(value)
    section.writeInteger(UInt8(0xBE))
    let lines = try reader.read(section)
    #expect(lines.lines.count == 2 && lines.lines.allSatisfy { Array(lines.value($0)) == value })
    #expect(lines.listBytes == 2 * (1 + value.count + 32))
  }

  /// Latin-1 in a value passes as it does over HTTP/1.1, cookies among it.
  @Test func aHeadKeepsItsBytes() throws {
    var reader = Self.reader()
    let latin: [UInt8] = [0x63, 0x61, 0x66, 0xE9]
    var section = Self.bytes("82 87 84 41 01 61")
    section.writeBytes([0x00, 1, 0x78, 4] + latin + [0x0F, 0x11, 4] + latin + [0x0F, 0x11, 4] + latin)
    let head = try RequestHead(
      http2: try reader.read(section), endsStream: true, limits: HTTP2Limits(), webSocketKey: { "" })
    let values = head.headers.fields.map { Array(head.headers.valueBytes($0)) }
    #expect(values == [[0x61], latin, latin + [0x3B, 0x20] + latin])
    #expect(head.headers.contains(.cookie) && head.headers.contains("x"))
    var plain = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\nx: ")
    plain.writeBytes(latin + Array("\r\n\r\n".utf8))
    var lines = RequestReader()
    guard case .head(let other)? = try lines.next(from: &plain) else { throw WireError.truncated }
    #expect(other.headers.fields.last.map { Array(other.headers.valueBytes($0)) } == latin)
  }

  @Test(arguments: [
    "80",  // number 0
    "be",  // an entry that nobody added
    "ff80808080808001",  // an integer without end
    "ffffffffff7f",
    "00",  // no name
    "000161",  // no value
    "0001610261",  // a value cut short
    "823f01",  // a size update behind a field
    "38383882",  // three of them
    "3fe21f",  // a larger table than allowed
    "0001618fffffffffffffffffffffffffffffff",  // the end of a string within it
    "000161 82 1fff",  // eight bits of padding
    "000161 81 18",  // padding that is not ones
  ])
  func mistakes(_ section: String) {
    var reader = Self.reader()
    #expect(throws: HTTP2Error.self) { try reader.read(Self.bytes(section)) }
  }

  @Test func theTableIsBoundedAndShrinks() throws {
    var reader = Self.reader()
    // Each entry is 1 + 1000 + 32 bytes: three fit.
    var section = ByteBuffer()
    for name in UInt8(0x61)..<0x66 {
      section.writeBytes([0x40, 1, name, 0x7F, 0xE9, 0x06])
      section.writeRepeatingByte(0x2E, count: 1000)
    }
    _ = try reader.read(section)
    let known = try reader.read(Self.bytes("be bf c0"))
    #expect(known.lines.map { Array(known.name($0)) } == [[0x65], [0x64], [0x63]])
    #expect(throws: HTTP2Error.self) { try reader.read(Self.bytes("c1")) }
    #expect(try reader.read(Self.bytes("20")).lines.isEmpty)
    #expect(throws: HTTP2Error.self) { try reader.read(Self.bytes("be")) }
  }

  @Test func aBombIsNoSection() throws {
    var reader = FieldSectionReader(largestListBytes: 10_000)
    var section = ByteBuffer(bytes: [0x40, 1, 0x61, 0x7F, 0xE9, 0x06])
    section.writeRepeatingByte(0x2E, count: 1000)
    section.writeRepeatingByte(0xBE, count: 100)
    #expect(throws: HTTP2Error.self) { try reader.read(section) }
  }

  /// Against another implementation: sections it writes are read the same, and broken ones are taken or refused alike.
  @Test func differential() throws {
    var random = SeededGenerator(7)
    for round in 0..<60 {
      var encoder = HPACKEncoder(allocator: ByteBufferAllocator(), useHuffmanEncoding: round % 2 == 0)
      var decoder = HPACKDecoder(allocator: ByteBufferAllocator(), maxDynamicTableSize: 4096)
      var ours = Self.reader()
      for step in 0..<8 {
        var fields: [(String, String)] = []
        for _ in 0..<Int(random.next() % 12) {
          let name = "n\(random.next() % 9)"
          let value = String(
            (0..<Int(random.next() % 60)).map { _ in Character(Unicode.Scalar(UInt8(32 + random.next() % 95))) })
          fields.append((name, value))
        }
        var buffer = ByteBuffer()
        try encoder.encode(headers: HPACKHeaders(fields), to: &buffer)
        if step == 7, buffer.readableBytes > 0 {
          let place = Int(random.next() % UInt64(buffer.readableBytes))
          buffer.setInteger(UInt8(truncatingIfNeeded: random.next()), at: buffer.readerIndex + place)
        }
        var copy = buffer
        let theirs = try? decoder.decodeHeaders(from: &copy)
        let mine = try? ours.read(buffer)
        // What both take must be the same, and what they refuse we do not take.
        if step < 7 { #expect(theirs != nil && mine != nil) }
        if let theirs, let mine { #expect(theirs.map { "\($0.name): \($0.value)" } == Self.text(mine)) }
        if theirs == nil { #expect(mine == nil, "round \(round)") }
      }
    }
  }

  /// Bytes of chance, as one section each on a new connection.
  @Test func differentialOverChance() {
    var random = SeededGenerator(11)
    for _ in 0..<2000 {
      let bytes = (0..<Int(random.next() % 12)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      var decoder = HPACKDecoder(allocator: ByteBufferAllocator(), maxDynamicTableSize: 4096)
      var ours = Self.reader()
      var copy = ByteBuffer(bytes: bytes)
      let mine = try? ours.read(ByteBuffer(bytes: bytes))
      let theirs = try? decoder.decodeHeaders(from: &copy)
      guard let mine else { continue }
      #expect(theirs.map { $0.map { "\($0.name): \($0.value)" } } == Self.text(mine), "\(bytes)")
    }
  }
}
