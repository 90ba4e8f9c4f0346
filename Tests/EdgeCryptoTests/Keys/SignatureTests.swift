import EdgeCrypto
import Testing

@Suite struct SignatureTests {
  @Test func ed25519MatchesRFC8032() throws {
    // Section 7.1, tests 1 and 3.
    let empty = try PrivateKey(
      ed25519Seed: hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    #expect(
      empty.publicKey.parts
        == .ed25519(hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")))
    #expect(
      try empty.sign([], algorithm: .ed25519)
        == hex(
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            + "d25bf5f0595bbe24655141438e7a100b"))
    let two = try PrivateKey(ed25519Seed: hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"))
    let signature = hex(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        + "4a7c15e9716ed28dc027beceea1ec40a")
    #expect(try two.sign(hex("af82"), algorithm: .ed25519) == signature)
    #expect(two.publicKey.verify(signature, over: hex("af82"), algorithm: .ed25519))
    #expect(!two.publicKey.verify(signature, over: hex("af83"), algorithm: .ed25519))
  }

  @Test(arguments: [
    (Curve.p256, Vectors.p256Point, Vectors.p256Signature, SignatureAlgorithm.ecdsaSHA256),
    (Curve.p384, Vectors.p384Point, Vectors.p384Signature, SignatureAlgorithm.ecdsaSHA384),
    (Curve.p521, Vectors.p521Point, Vectors.p521Signature, SignatureAlgorithm.ecdsaSHA512),
  ])
  func ecdsaSignaturesOfOthersVerify(
    curve: Curve, point: [UInt8], signature: [UInt8], algorithm: SignatureAlgorithm
  ) throws {
    let key = try PublicKey(.ecdsa(curve, point: point))
    #expect(key.verify(signature, over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify(signature, over: Vectors.message + [0], algorithm: algorithm))
    for other in [SignatureAlgorithm.ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512, .ed25519, .rsaPKCS1SHA256]
    where other != algorithm {
      #expect(!key.verify(signature, over: Vectors.message, algorithm: other))
    }
    // A signature of zeros, of n's and beyond, shortened, lengthened.
    #expect(!key.verify([UInt8](repeating: 0, count: signature.count), over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify([UInt8](repeating: 255, count: signature.count), over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify(Array(signature.dropLast()), over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify(signature + [0], over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify([], over: Vectors.message, algorithm: algorithm))
  }

  @Test func ecdsaMatchesRFC6979() throws {
    // A.2.5, P-256 with SHA-256, message "sample".
    let key = try PublicKey(
      .ecdsa(
        .p256,
        point: hex(
          "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
            + "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")))
    let signature = hex(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        + "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
    #expect(key.verify(signature, over: Array("sample".utf8), algorithm: .ecdsaSHA256))
  }

  @Test(arguments: [
    (Vectors.rsaPKCS1SHA256, SignatureAlgorithm.rsaPKCS1SHA256),
    (Vectors.rsaPKCS1SHA384, SignatureAlgorithm.rsaPKCS1SHA384),
    (Vectors.rsaPKCS1SHA512, SignatureAlgorithm.rsaPKCS1SHA512),
    (Vectors.rsaPSSSHA256, SignatureAlgorithm.rsaPSSSHA256),
    (Vectors.rsaPSSSHA384, SignatureAlgorithm.rsaPSSSHA384),
    (Vectors.rsaPSSSHA512, SignatureAlgorithm.rsaPSSSHA512),
  ])
  func rsaSignaturesOfOthersVerify(signature: [UInt8], algorithm: SignatureAlgorithm) throws {
    let key = try PublicKey(.rsa(modulus: Vectors.rsaModulus, exponent: [1, 0, 1]))
    #expect(key.bitCount == 2048)
    #expect(key.verify(signature, over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify(signature, over: [], algorithm: algorithm))
    var changed = signature
    changed[100] ^= 1
    #expect(!key.verify(changed, over: Vectors.message, algorithm: algorithm))
    #expect(!key.verify(signature + [0], over: Vectors.message, algorithm: algorithm))
    let others: [SignatureAlgorithm] = [
      .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512, .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512, .ed25519,
      .ecdsaSHA256,
    ]
    for other in others where other != algorithm {
      #expect(!key.verify(signature, over: Vectors.message, algorithm: other))
    }
  }

  @Test(arguments: [
    (PrivateKey.Kind.ed25519, [SignatureAlgorithm.ed25519]),
    (.ecdsa(.p256), [.ecdsaSHA256]), (.ecdsa(.p384), [.ecdsaSHA384]), (.ecdsa(.p521), [.ecdsaSHA512]),
    (
      .rsa(bits: 2048),
      [.rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512, .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512]
    ),
  ])
  func generatedKeysSignAndVerify(kind: PrivateKey.Kind, algorithms: [SignatureAlgorithm]) throws {
    let key = try PrivateKey.generate(kind)
    for algorithm in algorithms {
      let signature = try key.sign(Vectors.message, algorithm: algorithm)
      #expect(key.publicKey.verify(signature, over: Vectors.message, algorithm: algorithm))
      #expect(try PublicKey(key.publicKey.parts).verify(signature, over: Vectors.message, algorithm: algorithm))
      if case .ecdsa(let curve) = key.publicKey.type { #expect(signature.count == 2 * curve.coordinateLength) }
    }
    #expect(throws: CryptoError.self) {
      try key.sign([], algorithm: algorithms.contains(.ed25519) ? .ecdsaSHA256 : .ed25519)
    }
  }

  @Test func signaturesAndTheirNumbersConvert() throws {
    let raw = Vectors.p256Signature
    let pair = try #require(ECDSASignature(raw: raw, curve: .p256))
    #expect(pair.raw(.p256) == raw)
    #expect(ECDSASignature(r: [0, 0] + pair.r, s: [0] + pair.s) == pair)
    #expect(ECDSASignature(r: [], s: [1]).raw(.p256) == nil)
    #expect(ECDSASignature(r: [UInt8](repeating: 1, count: 33), s: [1]).raw(.p256) == nil)
    #expect(ECDSASignature(r: [1], s: [2]).raw(.p256)?.count == 64)
    #expect(ECDSASignature(raw: raw, curve: .p384) == nil)
  }
}
