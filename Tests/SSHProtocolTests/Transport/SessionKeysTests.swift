import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// Appendix A.2 of the specification.
@Suite("exchange hash and key derivation")
struct SessionKeysTests {
  private func keys(string: Bool) -> SessionKeys {
    var secret = ByteBuffer()
    let raw = [UInt8](0x80...0x9f)
    if string { secret.writeSSHString(raw) } else { secret.writeMultiplePrecision(raw) }
    return SessionKeys(
      digest: .sha256, secret: SecretBytes(secret.bytes), exchangeHash: Digest.sha256("H"),
      sessionID: Digest.sha256("SID"))
  }

  @Test(
    "derived keys are those of the vectors",
    arguments: [
      ("A", 12, "9808c1d43d3fc88db4520350", "57fcff664f76670f92ad2578"),
      (
        "C", 32, "95f5f77759f752ceb37794471548bcbb7a5a7b58774834a2b1fca2c02d810ea7",
        "02ba2668cd25d5d96ccd2db66b10923db01f534d650092a4b433416dd37b8baa"
      ),
      (
        "D", 64,
        "fca303eaa6b0811029aa596a168dc95359bf35c36c46879d9a63f73f8b870b4f0b89d1e2e9af6c4a3dde0c55536ea0ae29e3edc7e7261e367b8fc7df7c50c708",
        "90260f23c1dbcb41d6a9d62abcda08befab5013152df8efb74110bcf2e4fe20895a0c4edd60e40998ac78cf8e05d042e5f49ecaa445148781e73b7fc89193475"
      ),
      (
        "E", 32, "bb63f5f5775f910c168d3becefb9326930e41de7701bd8a4d75efdd712ca7bd8",
        "2aa5154d545ac628ec2d8db11cc3548c035b49ce973cc5e2da70e41fc470cd13"
      ),
    ])
  func derives(letter: String, count: Int, integer: String, string: String) {
    let character = Character(letter)
    #expect(keys(string: false).derive(character, count: count) == SecretBytes(hex(integer)))
    #expect(keys(string: true).derive(character, count: count) == SecretBytes(hex(string)))
  }

  // RFC 7748 §6.1: Alice is the client.
  private static let alice = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
  private static let bob = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
  private static let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
  private static let transcript = SessionKeys.Transcript(
    clientIdentification: Array("SSH-2.0-C".utf8), serverIdentification: Array("SSH-2.0-S".utf8),
    clientInit: [0x14, 0x63], serverInit: [0x14, 0x73])

  @Test("the exchange hash of curve25519-sha256 is that of the vector")
  func curve25519() {
    var secret = ByteBuffer()
    secret.writeMultiplePrecision(SessionKeysTests.shared)
    let hash = SessionKeys.exchangeHash(
      .curve25519, SessionKeysTests.transcript, hostKey: Array("hostkey".utf8), clientPublic: SessionKeysTests.alice,
      serverPublic: SessionKeysTests.bob, secret: SecretBytes(secret.bytes))
    #expect(Hex.encode(hash) == "52673d796c36a200e5d2986fbaf39cbef1e188dcb84cf42c3a40d94c74c507f0")
  }

  @Test("the exchange hash of mlkem768x25519-sha256 is that of the vector")
  func hybrid() {
    let combined = Digest.sha256([UInt8](repeating: 0xff, count: 32) + SessionKeysTests.shared)
    #expect(Hex.encode(combined) == "243215d9dfd15b548dfb5141a8aed985ad003b7de8203145ab207820b42186e2")
    var secret = ByteBuffer()
    secret.writeSSHString(combined)
    let hash = SessionKeys.exchangeHash(
      .mlkem768X25519, SessionKeysTests.transcript, hostKey: Array("hostkey".utf8),
      clientPublic: [UInt8](repeating: 0xaa, count: 1184) + SessionKeysTests.alice,
      serverPublic: [UInt8](repeating: 0xbb, count: 1088) + SessionKeysTests.bob, secret: SecretBytes(secret.bytes))
    #expect(Hex.encode(hash) == "73284b36a1430577d55fb34fe6d5b6c06153ee49ab99f091e5a6a1abae73ef3a")
  }

  @Test("publics of a wrong size or value are refused by every method", arguments: KeyExchangeMethod.allCases)
  func badPublics(method: KeyExchangeMethod) {
    for bad in [[], [0], [1], [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 1216)] {
      #expect(throws: SSHError.self) { try method.respond(to: bad) }
    }
  }
}
