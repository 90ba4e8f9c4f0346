import EdgeCrypto
import Testing

/// Vectors of Appendix A.1 of our SSH notes; each was checked there with a second implementation.
@Suite struct PacketCipherTests {
  private let plain = hex("00000020095e000000030000000d68656c6c6f2c2074756e6e656ca0a1a2a3a4a5a6a7a8")

  private static func counting(_ range: ClosedRange<UInt8>) -> [UInt8] { Array(range) }

  private func sealed(_ packet: [UInt8], tag: Int = 16, _ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows
    -> [UInt8]
  {
    var bytes = packet + [UInt8](repeating: 0, count: tag)
    try bytes.withUnsafeMutableBytes { try body($0) }
    return bytes
  }

  private func changed(_ packet: [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows -> [UInt8] {
    try sealed(packet, tag: 0, body)
  }

  // MARK: AES-GCM

  private let gcmKey = counting(0...15)
  private let gcmNonce = hex("0001020300000000ffffffff")
  private let gcmFirst = hex(
    "0000002015c7f5354c50a4e1c89e28a17241e8fbfc7e12023b77555cd0e3a6a17b1760071cfd91b7afb78959512b7af03b3ba24b")
  private let gcmSecond = hex(
    "000000207ab9de9d8ceb75d806456fec7dd3b08062d8540caea6b7b19e258af3edbdf969e22088f32242ae8ecc5aa85f53c20e3d")

  @Test func gcmSealsTheKnownPackets() throws {
    let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .seal)
    #expect(try sealed(plain) { try cipher.seal($0) } == gcmFirst)
    #expect(try sealed(plain) { try cipher.seal($0) } == gcmSecond)
  }

  @Test func gcmOpensTheKnownPackets() throws {
    let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .open)
    #expect(try changed(gcmFirst) { try cipher.open($0) }.prefix(36) == plain[...])
    #expect(try changed(gcmSecond) { try cipher.open($0) }.prefix(36) == plain[...])
  }

  @Test func gcmRefusesAnyChangedByte() throws {
    for index in gcmFirst.indices {
      let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .open)
      var damaged = gcmFirst
      damaged[index] ^= 0x80
      #expect(kind { try changed(damaged) { try cipher.open($0) } } == .authenticationFailed)
    }
    let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .open)
    #expect(kind { try changed(gcmSecond) { try cipher.open($0) } } == .authenticationFailed)
  }

  @Test func gcmCounterWrapsWithoutTouchingTheFixedField() throws {
    let nonce = hex("01020304ffffffffffffffff")
    let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: nonce, direction: .seal)
    _ = try sealed(plain) { try cipher.seal($0) }
    let wrapped = try AESGCMPacketCipher(key: gcmKey, nonce: hex("010203040000000000000000"), direction: .seal)
    #expect(try sealed(plain) { try cipher.seal($0) } == sealed(plain) { try wrapped.seal($0) })
  }

  @Test func gcm256MatchesNIST() throws {
    // The packet form of a computation that the sealed box test checks against NIST: key, nonce and body of zeros, with the
    // length as additional data.
    let key = [UInt8](repeating: 7, count: 32)
    let sealing = try AESGCMPacketCipher(key: key, nonce: gcmNonce, direction: .seal)
    let opening = try AESGCMPacketCipher(key: key, nonce: gcmNonce, direction: .open)
    let wire = try sealed(plain) { try sealing.seal($0) }
    let box = gcmNonce + wire[4...]
    #expect(SealedBox.open(key: key, box, aad: Array(wire.prefix(4))) == Array(plain[4...]))
    #expect(try changed(wire) { try opening.open($0) }.prefix(36) == plain[...])
  }

  // MARK: ChaCha20-Poly1305

  private let chaChaKey = counting(0...63)
  private let chaChaWire = hex(
    "a39afc8a211815434e802a5e6c60d395bbe3bc0014c6455810865123e1c8b87b25f5a4fcc5c3bfbbf58e1dbfd9046a90a14c735f")

  @Test func chaChaSealsTheKnownPacket() throws {
    let cipher = try ChaChaPolyPacketCipher(key: chaChaKey, direction: .seal)
    #expect(try sealed(plain) { try cipher.seal($0, sequence: 7) } == chaChaWire)
    #expect(try sealed(plain) { try cipher.seal($0, sequence: 8) } != chaChaWire)
    #expect(try sealed(plain) { try cipher.seal($0, sequence: 7) } == chaChaWire)
  }

  @Test func chaChaOpensTheKnownPacket() throws {
    let cipher = try ChaChaPolyPacketCipher(key: chaChaKey, direction: .open)
    for _ in 0..<2 {
      #expect(try chaChaWire.withUnsafeBytes { try cipher.length($0, sequence: 7) } == 0x20)
      let opened = try changed(chaChaWire) { try cipher.open($0, sequence: 7) }
      #expect(opened[4..<36] == plain[4...])
      #expect(opened.prefix(4) == chaChaWire.prefix(4))
    }
    #expect(kind { try changed(chaChaWire) { try cipher.open($0, sequence: 6) } } == .authenticationFailed)
    #expect(kind { try [UInt8]([1, 2, 3]).withUnsafeBytes { try cipher.length($0, sequence: 0) } } == .malformed)
  }

  @Test func chaChaRefusesAnyChangedByte() throws {
    let cipher = try ChaChaPolyPacketCipher(key: chaChaKey, direction: .open)
    for index in chaChaWire.indices {
      var damaged = chaChaWire
      damaged[index] ^= 1
      #expect(kind { try changed(damaged) { try cipher.open($0, sequence: 7) } } == .authenticationFailed)
    }
  }

  @Test(arguments: [8, 63, 64, 960, 1023, 1024, 1025, 2000, 32_768])
  func chaChaOfEveryLengthComesBack(count: Int) throws {
    let key = SecureRandom.bytes(64)
    let sealing = try ChaChaPolyPacketCipher(key: key, direction: .seal)
    let opening = try ChaChaPolyPacketCipher(key: key, direction: .open)
    let packet = [0, 0, UInt8(count >> 8), UInt8(count & 255)] + SecureRandom.bytes(count)
    for sequence in [0, 1, UInt32.max] {
      let wire = try sealed(packet) { try sealing.seal($0, sequence: sequence) }
      #expect(try wire.withUnsafeBytes { try opening.length($0, sequence: sequence) } == UInt32(count))
      let opened = try changed(wire) { try opening.open($0, sequence: sequence) }
      #expect(Array(opened[4..<(4 + count)]) == Array(packet[4...]))
      var damaged = wire
      damaged[4 + count / 2] ^= 1
      #expect(kind { try changed(damaged) { try opening.open($0, sequence: sequence) } } == .authenticationFailed)
    }
  }

  // MARK: AES-CTR with HMAC

  @Test func ctrWithEncryptThenMACMatches() throws {
    let wire = hex(
      "000000200ea0ef74e1d6036e90038674e2f8fdbfb2b6b06ab669eea2e7dbdec62e5f79a0dc70d34dd071c52e13c0f557"
        + "518913829ac89e48c5a201eeaa912c71a4fbd970")
    func make(_ direction: CipherDirection) throws -> AESCTRPacketCipher {
      try AESCTRPacketCipher(
        key: Self.counting(0...15), iv: Self.counting(0x10...0x1f), mac: .hmacSHA256, macKey: Self.counting(0...31),
        encryptThenMAC: true, direction: direction)
    }
    let sealing = try make(.seal)
    #expect(try sealed(plain, tag: 32) { try sealing.seal($0, sequence: 7) } == wire)
    let opening = try make(.open)
    #expect(try changed(wire) { try opening.open($0, sequence: 7) }.prefix(36) == plain[...])
    // The stream goes on.
    let second = try sealed(plain, tag: 32) { try sealing.seal($0, sequence: 8) }
    #expect(second != wire)
    #expect(try changed(second) { try opening.open($0, sequence: 8) }.prefix(36) == plain[...])
    for index in wire.indices {
      var damaged = wire
      damaged[index] ^= 4
      let opening = try make(.open)
      #expect(kind { try changed(damaged) { try opening.open($0, sequence: 7) } } == .authenticationFailed)
    }
  }

  @Test func ctrWithPlainMACMatches() throws {
    let packet = hex("0000001c055e000000030000000d68656c6c6f2c2074756e6e656ca0a1a2a3a4")
    let wire = hex(
      "07feef68e48b036e900dee118e99faf6feaeaa28f878f76c281c11c22a5b7daca318272f173ad18777a169cec12cea12"
        + "cbabd25776f743f678986daaf4698671")
    func make(_ direction: CipherDirection) throws -> AESCTRPacketCipher {
      try AESCTRPacketCipher(
        key: Self.counting(0...15), iv: Self.counting(0x10...0x1f), mac: .hmacSHA256, macKey: Self.counting(0...31),
        encryptThenMAC: false, direction: direction)
    }
    let sealing = try make(.seal)
    #expect(try sealed(packet, tag: 32) { try sealing.seal($0, sequence: 7) } == wire)
    let opening = try make(.open)
    let opened = try changed(wire) { bytes in
      try opening.openFirstBlock(UnsafeMutableRawBufferPointer(rebasing: bytes[..<16]))
      #expect(Array(bytes.prefix(4)) == [0, 0, 0, 0x1c])
      try opening.open(bytes, sequence: 7)
    }
    #expect(opened.prefix(32) == packet[...])
    var damaged = wire
    damaged[20] ^= 1
    let again = try make(.open)
    #expect(
      kind {
        try changed(damaged) { bytes in
          try again.openFirstBlock(UnsafeMutableRawBufferPointer(rebasing: bytes[..<16]))
          try again.open(bytes, sequence: 7)
        }
      } == .authenticationFailed)
  }

  @Test(arguments: [16, 24, 32], [AESCTRPacketCipher.MAC.hmacSHA256, .hmacSHA512])
  func ctrOfEverySizeComesBack(keyLength: Int, mac: AESCTRPacketCipher.MAC) throws {
    for encryptThenMAC in [true, false] {
      let (key, iv, macKey) = (
        SecureRandom.bytes(keyLength), SecureRandom.bytes(16), SecureRandom.bytes(mac.keyLength)
      )
      let sealing = try AESCTRPacketCipher(
        key: key, iv: iv, mac: mac, macKey: macKey, encryptThenMAC: encryptThenMAC, direction: .seal)
      let opening = try AESCTRPacketCipher(
        key: key, iv: iv, mac: mac, macKey: macKey, encryptThenMAC: encryptThenMAC, direction: .open)
      for sequence in UInt32(0)..<20 {
        let packet = SecureRandom.bytes(16 * Int(sequence + 2))
        let wire = try sealed(packet, tag: mac.tagLength) { try sealing.seal($0, sequence: sequence) }
        let opened = try changed(wire) { bytes in
          if !encryptThenMAC { try opening.openFirstBlock(UnsafeMutableRawBufferPointer(rebasing: bytes[..<16])) }
          try opening.open(bytes, sequence: sequence)
        }
        #expect(Array(opened.prefix(packet.count)) == packet)
      }
    }
  }

  // MARK: Abuse

  @Test func packetsThatAreTooShortAreErrors() throws {
    let gcm = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .open)
    let chaCha = try ChaChaPolyPacketCipher(key: chaChaKey, direction: .open)
    let ctr = try AESCTRPacketCipher(
      key: gcmKey, iv: gcmKey, mac: .hmacSHA512, macKey: [UInt8](repeating: 0, count: 64), encryptThenMAC: true,
      direction: .open)
    for count in 0...20 {
      let short = [UInt8](repeating: 0, count: count)
      #expect(kind { try changed(short) { try gcm.open($0) } } == .malformed)
      #expect(kind { try changed(short) { try gcm.seal($0) } } == .malformed)
      #expect(kind { try changed(short) { try chaCha.open($0, sequence: 1) } } == .malformed)
      #expect(kind { try changed(short) { try chaCha.seal($0, sequence: 1) } } == .malformed)
      #expect(kind { try changed(short) { try ctr.open($0, sequence: 1) } } == .malformed)
      #expect(kind { try changed(short) { try ctr.openFirstBlock($0) } } == .malformed)
    }
  }

  @Test func keysOfAnotherLengthAreErrors() {
    #expect(throws: CryptoError.self) { try AESGCMPacketCipher(key: [1], nonce: self.gcmNonce, direction: .seal) }
    #expect(throws: CryptoError.self) { try AESGCMPacketCipher(key: self.gcmKey, nonce: [1], direction: .seal) }
    #expect(throws: CryptoError.self) { try ChaChaPolyPacketCipher(key: [1], direction: .seal) }
  }

  @Test func spansAndPointersDoTheSame() throws {
    let cipher = try AESGCMPacketCipher(key: gcmKey, nonce: gcmNonce, direction: .seal)
    var bytes = plain + [UInt8](repeating: 0, count: 16)
    try bytes.withUnsafeMutableBytes { region in
      var span = MutableRawSpan(_unsafeBytes: region)
      try cipher.seal(&span)
    }
    #expect(bytes == gcmFirst)
  }
}
