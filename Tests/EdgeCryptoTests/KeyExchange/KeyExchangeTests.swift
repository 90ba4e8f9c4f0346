import Testing

@testable import EdgeCrypto

@Suite struct KeyExchangeTests {
  @Test func x25519MatchesRFC7748() throws {
    // Section 6.1.
    let alice = try X25519(privateKey: hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    let bob = try X25519(privateKey: hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    #expect(Hex.encode(alice.publicKey) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    let secret = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    #expect(try alice.sharedSecret(with: bob.publicKey) == secret)
    #expect(try bob.sharedSecret(with: alice.publicKey) == secret)
    // Section 6.1: the top bit of a peer's value is ignored.
    var masked = bob.publicKey
    masked[31] |= 0x80
    #expect(try alice.sharedSecret(with: masked) == secret)
  }

  @Test(arguments: [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ])
  func pointsOfSmallOrderAreRefused(point: String) throws {
    let own = try X25519()
    #expect(kind { try own.sharedSecret(with: hex(point)) } == .degenerate)
  }

  @Test(arguments: [
    (Curve.p256, Vectors.p256Scalar, Vectors.p256Point, Vectors.p256Peer, Vectors.p256Shared),
    (Curve.p384, Vectors.p384Scalar, Vectors.p384Point, Vectors.p384Peer, Vectors.p384Shared),
    (Curve.p521, Vectors.p521Scalar, Vectors.p521Point, Vectors.p521Peer, Vectors.p521Shared),
  ])
  func ellipticCurvesAgreeWithOthers(
    curve: Curve, scalar: [UInt8], point: [UInt8], peer: [UInt8], shared: [UInt8]
  ) throws {
    let known = try ECDH(curve, scalar: scalar, point: point)
    #expect(try known.sharedSecret(with: peer) == shared)
    let (a, b) = (try ECDH(curve), try ECDH(curve))
    #expect(try a.sharedSecret(with: b.publicKey) == b.sharedSecret(with: a.publicKey))
    var off = peer
    off[off.count - 1] ^= 1
    let wrong: [[UInt8]] = [off, [], [0], [4], Array(peer.dropLast()), peer + [0], [2] + peer.dropFirst()]
    for bad in wrong {
      #expect(kind { try a.sharedSecret(with: bad) } == .malformed)
    }
  }

  @Test func nistCAVSVectorAgrees() throws {
    // KAS_ECC_CDH_PrimitiveTest, P-256, COUNT = 0.
    let own = try ECDH(
      .p256, scalar: hex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"),
      point: hex(
        "04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
          + "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141"))
    #expect(
      try own.sharedSecret(
        with: hex(
          "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
            + "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"))
        == hex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"))
  }

  @Test func group14AgreesWithArithmetic() throws {
    let own = try FiniteFieldDH(.group14, exponent: Vectors.group14Exponent)
    #expect(own.publicKey == magnitude(Vectors.group14Public))
    #expect(try own.sharedSecret(with: Vectors.group14Peer) == magnitude(Vectors.group14Shared))
    var below = Vectors.group14Prime
    below[255] -= 1
    let wrong: [[UInt8]] = [[], [0], [1], [2], [0, 0, 1], below, Vectors.group14Prime, [1] + Vectors.group14Peer]
    for bad in wrong {
      #expect(kind { try own.sharedSecret(with: bad) } == .degenerate)
    }
  }

  @Test(arguments: FiniteFieldDH.Group.allCases)
  func bothSidesOfAFiniteFieldAgree(group: FiniteFieldDH.Group) throws {
    let (a, b) = (try FiniteFieldDH(group), try FiniteFieldDH(group))
    #expect(try a.sharedSecret(with: b.publicKey) == b.sharedSecret(with: a.publicKey))
    #expect(a.publicKey.count <= group.byteCount)
  }

  @Test func mlkemAgreesWithOthers() throws {
    let key = try MLKEM768.DecapsulationKey(seed: (0..<64).map { UInt8($0) })
    #expect(Digest.sha256(key.encapsulationKey) == Vectors.mlkemKeyDigest)
    #expect(try key.decapsulate(Vectors.mlkemCiphertext) == Vectors.mlkemSecret)
    var changed = Vectors.mlkemCiphertext
    changed[0] ^= 1
    #expect(try key.decapsulate(changed) == Vectors.mlkemRejectedSecret)
    let (secret, ciphertext) = try MLKEM768.encapsulate(to: key.encapsulationKey)
    #expect(ciphertext.count == MLKEM768.ciphertextLength)
    #expect(try key.decapsulate(ciphertext) == secret)
  }

  @Test func mlkemRefusesWhatIsNoKey() throws {
    let key = try MLKEM768.DecapsulationKey()
    #expect(kind { try MLKEM768.encapsulate(to: []) } == .malformed)
    #expect(kind { try MLKEM768.encapsulate(to: Array(key.encapsulationKey.dropLast())) } == .malformed)
    // FIPS 203 section 7.2: a coefficient of 4095 is not below the modulus.
    var outside = key.encapsulationKey
    outside[0] = 0xff
    outside[1] = 0xff
    #expect(kind { try MLKEM768.encapsulate(to: outside) } == .malformed)
    #expect(kind { try key.decapsulate([]) } == .malformed)
  }
}
