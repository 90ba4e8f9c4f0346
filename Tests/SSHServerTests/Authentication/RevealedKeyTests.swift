import EdgeCrypto
import SSHProtocol
import Testing

@testable import SSHServer

struct RevealedKeyTests {
  @Test(
    arguments: [
      ("SSH-2.0-PuTTY_Release_0.68", true), ("SSH-2.0-PuTTY_Release_0.80", true), ("SSH-2.0-PuTTY_Release_0.67", false),
      ("SSH-2.0-PuTTY_Release_0.81", false), ("SSH-2.0-PuTTY_Release_1.70", false), ("SSH-2.0-PuTTY_Release_0.", false),
      ("SSH-2.0-PuTTY_Release_", false), ("SSH-2.0-OpenSSH_9.2p1 Debian-2", false), ("", false),
      ("SSH-2.0-PuTTY_Release_0.99999999999999999999", false),
    ] as [(String, Bool)])
  func thePuTTYsWithWeakNoncesAreKnown(_ identification: String, _ isWeak: Bool) throws {
    let key = SSHPublicKey(try PrivateKey.generate(.ecdsa(.p521)).publicKey)
    #expect(RevealedKey.mayBeKnown(key, to: identification) == isWeak)
    let other = SSHPublicKey(try PrivateKey.generate(.ed25519).publicKey)
    #expect(!RevealedKey.mayBeKnown(other, to: identification))
  }
}
