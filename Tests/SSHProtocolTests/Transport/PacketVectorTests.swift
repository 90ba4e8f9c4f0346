import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// Appendix A.1 of the specification: the same payload under every cipher, checked there against other implementations.
@Suite("packet vectors")
struct PacketVectorTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var cipher: CipherAlgorithm
    var mac: MACAlgorithm?
    var keyLength: Int
    var nonce: String
    var padding: Int
    var wire: [String]
    var testDescription: String { cipher.name + (mac.map { " " + $0.name } ?? "") }
  }

  static let vectors: [Vector] = [
    Vector(
      cipher: .chachaPoly, keyLength: 64, nonce: "", padding: 9,
      wire: [
        "a39afc8a211815434e802a5e6c60d395bbe3bc0014c6455810865123e1c8b87b25f5a4fcc5c3bfbbf58e1dbfd9046a90a14c735f"
      ]),
    Vector(
      cipher: .aes128GCM, keyLength: 16, nonce: "0001020300000000ffffffff", padding: 9,
      wire: [
        "0000002015c7f5354c50a4e1c89e28a17241e8fbfc7e12023b77555cd0e3a6a17b1760071cfd91b7afb78959512b7af03b3ba24b",
        "000000207ab9de9d8ceb75d806456fec7dd3b08062d8540caea6b7b19e258af3edbdf969e22088f32242ae8ecc5aa85f53c20e3d",
      ]),
    Vector(
      cipher: .aes128CTR, mac: .hmacSHA256ETM, keyLength: 16, nonce: "101112131415161718191a1b1c1d1e1f", padding: 9,
      wire: [
        "000000200ea0ef74e1d6036e90038674e2f8fdbfb2b6b06ab669eea2e7dbdec62e5f79a0dc70d34dd071c52e13c0f557518913829ac89e48c5a201eeaa912c71a4fbd970"
      ]),
    Vector(
      cipher: .aes128CTR, mac: .hmacSHA256, keyLength: 16, nonce: "101112131415161718191a1b1c1d1e1f", padding: 5,
      wire: [
        "07feef68e48b036e900dee118e99faf6feaeaa28f878f76c281c11c22a5b7daca318272f173ad18777a169cec12cea12cbabd25776f743f678986daaf4698671"
      ]),
  ]

  static let payload = hex("5e000000030000000d68656c6c6f2c2074756e6e656c")

  private func protection(_ vector: Vector, _ use: CipherDirection) throws -> PacketProtection {
    try PacketProtection(
      vector.cipher, vector.mac, nonce: SecretBytes(hex(vector.nonce)),
      key: SecretBytes(Array(0..<UInt8(vector.keyLength))), macKey: SecretBytes(Array(0..<32)), use)
  }

  @Test("sealing gives the bytes of the vector", arguments: vectors)
  func seals(vector: Vector) throws {
    let sealer = try protection(vector, .seal)
    for expected in vector.wire {
      var packet = ByteBuffer()
      packet.writeInteger(UInt32(1 + PacketVectorTests.payload.count + vector.padding))
      packet.writeInteger(UInt8(vector.padding))
      packet.writeBytes(PacketVectorTests.payload)
      packet.writeBytes((0..<UInt8(vector.padding)).map { 0xa0 + $0 })
      packet.writeRepeatingByte(0, count: sealer.tagLength)
      try sealer.seal(&packet, count: packet.readableBytes, sequence: 7)
      #expect(Hex.encode(packet.bytes) == expected)
    }
  }

  @Test("the reader opens the vector, whole and byte by byte", arguments: vectors)
  func opens(vector: Vector) throws {
    for stepwise in [false, true] {
      var reader = PacketReader(maximumLength: 35_000)
      reader.changeKeys(to: try protection(vector, .open), resetsSequence: false)
      reader.skip(to: 7)
      for wire in vector.wire {
        var payload: [UInt8]?
        let bytes = hex(wire)
        for piece in stepwise ? bytes.map({ [$0] }) : [bytes] {
          var read = ByteBuffer(bytes: piece)
          if let packet = try reader.next(&read) { payload = packet.payload(in: read, copied: true).bytes }
        }
        #expect(payload == PacketVectorTests.payload)
        reader.skip(to: 7)
      }
    }
  }

  @Test("one changed bit anywhere is a MAC error, or a length error, and never a payload", arguments: vectors)
  func tampering(vector: Vector) throws {
    let bytes = hex(vector.wire[0])
    for index in bytes.indices {
      var reader = PacketReader(maximumLength: 35_000)
      reader.changeKeys(to: try protection(vector, .open), resetsSequence: false)
      reader.skip(to: 7)
      var changed = bytes
      changed[index] ^= 0x10
      var read = ByteBuffer(bytes: changed)
      var payload: [UInt8]?
      do {
        if let packet = try reader.next(&read) { payload = packet.payload(in: read, copied: true).bytes }
      } catch {
        #expect(error.kind == .integrity || error.kind == .framing)
      }
      #expect(payload == nil)
    }
  }
}

@Suite("packet framing")
struct PacketFramingTests {
  private func read(_ bytes: [UInt8]) throws -> [UInt8]? {
    var reader = PacketReader(maximumLength: 35_000)
    var read = ByteBuffer(bytes: bytes)
    guard let packet = try reader.next(&read) else { return nil }
    return packet.payload(in: read, copied: true).bytes
  }

  @Test("lengths out of range, odd sizes, short padding and empty payloads are refused")
  func refuses() throws {
    #expect(try read(hex("0000000c0a05") + [UInt8](repeating: 0, count: 10)) == [5])
    for bad in [
      "fffffff0", "00000000", "00000004", "0000000d", "000088b9",
      "0000000c0b0000000000000000000000",  // padding leaves no payload
      "0000000c030500000000000000000000",  // three bytes of padding
      "0000000cff0500000000000000000000",  // more padding than packet
    ] {
      #expect(throws: SSHError.self, "\(bad)") { try read(hex(bad) + [UInt8](repeating: 0, count: 8)) }
    }
  }

  @Test("many packets coalesce into few buffers, none of 128 KiB")
  func coalesces() throws {
    var writer = PacketWriter()
    let bulk = [UInt8](repeating: 1, count: Channel.largestPiece + 9)
    for _ in 0..<10 {
      try writer.write(payloadEstimate: bulk.count) { $0.writeBytes(bulk) }
      try writer.write(payloadEstimate: 10) { $0.writeBytes([2, 3]) }
    }
    var count = 0
    var total = 0
    while let buffer = writer.take() {
      count += 1
      total += buffer.readableBytes
      #expect(buffer.capacity <= 64 * 1024)
    }
    #expect(count <= 10)
    #expect(total > 10 * bulk.count)
    #expect(writer.pendingBytes == 0)
  }
}
