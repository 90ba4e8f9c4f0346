import EdgeCrypto
import Testing

@Suite struct DigestTests {
  @Test func digestsMatchFIPS180() {
    #expect(Hex.encode(Digest.sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(
      Hex.encode(Digest.sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      Hex.encode(Digest.sha384("abc"))
        == "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7")
    #expect(
      Hex.encode(Digest.sha512("abc"))
        == "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        + "454d4423643ce80e2a9ac94fa54ca49f")
    #expect(Hex.encode(Digest.sha256([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func hmacMatchesRFC4231() {
    let key1 = [UInt8](repeating: 0x0b, count: 20)
    #expect(
      Hex.encode(HMAC.sha256(key: key1, Array("Hi There".utf8)))
        == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    #expect(
      Hex.encode(HMAC.sha512(key: key1, Array("Hi There".utf8)))
        == "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
        + "be9d914eeb61f1702e696c203a126854")
    #expect(
      Hex.encode(HMAC.sha384(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
        == "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649")
    let longKey = [UInt8](repeating: 0xaa, count: 131)
    #expect(
      Hex.encode(HMAC.sha256(key: longKey, Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }

  @Test func aKeyCanBeUsedAgainAndAgain() {
    let key = HMACKey(.sha256, key: Array("Jefe".utf8))
    let message = Array("what do ya want for nothing?".utf8)
    let expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    for _ in 0..<3 {
      #expect(key.tag(message) == expected)
      #expect(key.verifies(expected, message))
      #expect(!key.verifies(Array(expected.dropLast()), message))
    }
    #expect(HMACKey(key: []).tag([]) == hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
  }

  @Test func hkdfMatchesRFC5869() {
    let key = [UInt8](repeating: 0x0b, count: 22)
    #expect(
      HKDF.sha256(key: key, salt: hex("000102030405060708090a0b0c"), info: hex("f0f1f2f3f4f5f6f7f8f9"), byteCount: 42)
        == hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    #expect(
      HKDF.sha256(key: key, byteCount: 42)
        == hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
  }

  @Test func equalityInConstantTimeIsEquality() {
    #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
    #expect(constantTimeEquals([], []))
  }

  @Test func randomBytesDiffer() {
    #expect(SecureRandom.bytes(32) != SecureRandom.bytes(32))
    #expect(SecureRandom.bytes(0) == [])
    #expect(SecureRandom.token().utf8.count == 22)
    var pool = RandomPool()
    var seen = Set<[UInt8]>()
    for _ in 0..<500 {
      var padding = [UInt8](repeating: 0, count: 16)
      padding.withUnsafeMutableBytes { pool.fill($0) }
      seen.insert(padding)
    }
    #expect(seen.count == 500)
  }
}
