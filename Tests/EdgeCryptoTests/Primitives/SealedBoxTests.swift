import EdgeCrypto
import Testing

@Suite struct SealedBoxTests {
  private let key = SecureRandom.bytes(32)

  @Test func whatWasSealedOpens() throws {
    for count in [0, 1, 15, 16, 17, 5000] {
      let secret = SecureRandom.bytes(count)
      let box = try SealedBox.seal(key: key, secret, aad: [7])
      #expect(box.count == count + 28)
      #expect(SealedBox.open(key: key, box, aad: [7]) == secret)
      #expect(SealedBox.open(key: key, box) == nil)
      #expect(SealedBox.open(key: SecureRandom.bytes(32), box, aad: [7]) == nil)
    }
  }

  @Test func anyChangedBitIsNoticed() throws {
    let box = try SealedBox.seal(key: key, Array("secret".utf8))
    for index in box.indices {
      var damaged = box
      damaged[index] ^= 1
      #expect(SealedBox.open(key: key, damaged) == nil)
    }
    for count in 0..<box.count { #expect(SealedBox.open(key: key, Array(box.prefix(count))) == nil) }
  }

  @Test func theFormatIsThatOfOthers() {
    // NIST GCM specification, test case 14, in this box's order.
    let box = hex("000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    #expect(SealedBox.open(key: [UInt8](repeating: 0, count: 32), box) == [UInt8](repeating: 0, count: 16))
  }

  @Test func aKeyOfAnotherLengthIsRefused() {
    #expect(throws: CryptoError.self) { try SealedBox.seal(key: [1], []) }
    #expect(SealedBox.open(key: [1], [UInt8](repeating: 0, count: 40)) == nil)
  }
}
