import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("SSH public keys and signatures")
struct SSHPublicKeyTests {
  @Test("a blob leads back to the same key, a line too")
  func roundTrips() throws {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let written = SSHPublicKey(key.publicKey)
      let read = try SSHPublicKey(blob: written.blob)
      #expect(read == written)
      #expect(read.key == key.publicKey)
      let line = written.authorizedKeysLine(comment: "someone@somewhere")
      #expect(try SSHPublicKey(authorizedKeysLine: line) == written)
      #expect(try SSHPublicKey(authorizedKeysLine: "command=\"a b\",no-pty " + line) == written)
    }
  }

  @Test("the fingerprint is the one ssh-keygen prints")
  func fingerprint() throws {
    // ssh-keygen -lf of this line.
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI490/Cr+xY/aXYEQi3C8Tv3aGm1uW7+wYmkC3BPmU test"
    let key = try SSHPublicKey(authorizedKeysLine: line)
    #expect(key.fingerprint.hasPrefix("SHA256:"))
    #expect(key.fingerprint.count == 50)
    #expect(key.algorithmName == "ssh-ed25519")
  }

  @Test("truncated, lengthened and crossed blobs are refused")
  func badBlobs() {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.rsa] {
      let blob = SSHPublicKey(key.publicKey).blob
      for count in 0..<blob.count {
        #expect(throws: SSHError.self) { try SSHPublicKey(blob: Array(blob.prefix(count))) }
      }
      #expect(throws: SSHError.self) { try SSHPublicKey(blob: blob + [0]) }
    }
    for length in [0, 31, 33] {
      var buffer = ByteBuffer()
      buffer.writeSSHString("ssh-ed25519")
      buffer.writeSSHString([UInt8](repeating: 1, count: length))
      #expect(throws: SSHError.self) { try SSHPublicKey(blob: buffer.bytes) }
    }
    // x/crypto CVE-2026-39829: huge moduli and exponents.
    var huge = ByteBuffer()
    huge.writeSSHString("ssh-rsa")
    huge.writeMultiplePrecision([UInt8](repeating: 0xff, count: 500))
    huge.writeMultiplePrecision([UInt8](repeating: 0xff, count: 2048))
    #expect(throws: SSHError.self) { try SSHPublicKey(blob: huge.bytes) }
  }

  @Test("signatures verify with their own algorithm only, and any change breaks them")
  func signatures() throws {
    let message = Array("message".utf8)
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let publicKey = SSHPublicKey(key.publicKey)
      for algorithm in publicKey.signatureAlgorithms {
        let blob = try key.sshSignature(message, algorithm: algorithm)
        #expect(publicKey.verify(signatureBlob: blob, over: message, algorithm: algorithm))
        #expect(!publicKey.verify(signatureBlob: blob + [0], over: message, algorithm: algorithm))
        #expect(!publicKey.verify(signatureBlob: blob, over: message + [0], algorithm: algorithm))
        for other in SSHSignatureAlgorithm.allCases where other != algorithm {
          #expect(!publicKey.verify(signatureBlob: blob, over: message, algorithm: other))
        }
        for index in stride(from: 0, to: blob.count, by: 7) {
          var changed = blob
          changed[index] ^= 1
          #expect(!publicKey.verify(signatureBlob: changed, over: message, algorithm: algorithm))
        }
        for count in 0..<min(blob.count, 40) {
          #expect(!publicKey.verify(signatureBlob: Array(blob.prefix(count)), over: message, algorithm: algorithm))
        }
      }
    }
  }

  /// Appendix A.3 of the specification.
  @Test("a FIDO signature verifies, and not without the touch")
  func securityKey() throws {
    let seed = try PrivateKey(ed25519Seed: [UInt8](repeating: 2, count: 32))
    guard case .ed25519(let point) = seed.publicKey.parts else { return }
    var blob = ByteBuffer()
    blob.writeSSHString("sk-ssh-ed25519@openssh.com")
    blob.writeSSHString(point)
    blob.writeSSHString("ssh:")
    let key = try SSHPublicKey(blob: blob.bytes)
    let signature = hex(
      "0000001a736b2d7373682d65643235353139406f70656e7373682e636f6d0000004065a76719f56be04a717ff7bc521a11f0d3df769b1c41944b6f215312721e1efe2bb221544f8ac1144550b7eb7f6325f2d6f3d2efd316ccc631db164d0c61740c0100000005"
    )
    let message = Array("message".utf8)
    #expect(key.verify(signatureBlob: signature, over: message, algorithm: .securityKeyED25519))
    var untouched = signature
    untouched[untouched.count - 5] = 0
    #expect(!key.verify(signatureBlob: untouched, over: message, algorithm: .securityKeyED25519))
    var replayed = signature
    replayed[replayed.count - 1] = 6
    #expect(!key.verify(signatureBlob: replayed, over: message, algorithm: .securityKeyED25519))
    #expect(!key.verify(signatureBlob: signature, over: message, algorithm: .ed25519))
    // An application of the web is none of ssh's own helper.
    var web = ByteBuffer()
    web.writeSSHString("sk-ssh-ed25519@openssh.com")
    web.writeSSHString(point)
    web.writeSSHString("https://example.com")
    #expect(throws: SSHError.self) { try SSHPublicKey(blob: web.bytes) }
  }
}
