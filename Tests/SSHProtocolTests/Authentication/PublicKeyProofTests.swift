import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("proving a key")
struct PublicKeyProofTests {
  @Test("each kind of key proves itself")
  func keyTypes() {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      for algorithm in SSHSignatureAlgorithm.algorithms(for: key.publicKey.type) {
        let pair = ConnectionPair.askingToSignIn()
        pair.request(.publicKey(key, algorithm))
        guard let login = pair.login else {
          Issue.record("no login with \(algorithm.name): \(String(describing: pair.serverError))")
          continue
        }
        #expect(login.key == SSHPublicKey(key.publicKey))
        #expect(login.username == "alice")
        #expect(pair.acceptLogin(login.attempt, banner: ["hello", "world"]))
        pair.run()
        #expect(pair.isSignedIn)
        let banners = pair.clientEvents.compactMap { if case .banner(let text) = $0 { text } else { nil } }
        #expect(banners == ["hello\r\nworld\r\n"])
      }
    }
  }

  @Test("the identity is the key that signed, not one that was offered first")
  func offeredIsNotProved() {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKeyQuestion(Fixtures.ed25519, .ed25519))
    pair.request(.publicKeyQuestion(Fixtures.p256, .ecdsaP256))
    pair.request(.publicKey(Fixtures.otherED25519))
    #expect(pair.login?.key == SSHPublicKey(Fixtures.otherED25519.publicKey))
  }

  /// A publickey request whose signature is made by another key, or over another session.
  private func forged(_ offered: PrivateKey, signer: PrivateKey, session: [UInt8], algorithm: String = "ssh-ed25519")
    throws -> [UInt8]
  {
    var payload = ByteBuffer()
    AuthenticationRequestMessage.write(username: "alice", method: "publickey", into: &payload)
    payload.writeSSHBoolean(true)
    payload.writeSSHString(algorithm)
    payload.writeSSHString(SSHPublicKey(offered.publicKey).blob)
    let signature = try signer.sshSignature(PublicKeyProof.message(payload.bytes, session), algorithm: .ed25519)
    payload.writeSSHString(signature)
    return payload.bytes
  }

  @Test("a key the client cannot sign with, a replayed signature and crossed names fail")
  func forgeries() throws {
    let other = ConnectionPair.askingToSignIn()
    let pair = ConnectionPair.askingToSignIn()
    let session = pair.server.transport.sessionID
    let attempts = [
      try forged(Fixtures.ed25519, signer: Fixtures.otherED25519, session: session),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: other.server.transport.sessionID),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session, algorithm: "rsa-sha2-512"),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session, algorithm: "ssh-rsa"),
    ]
    for payload in attempts {
      pair.inject(payload)
      pair.run()
      pair.advance(by: .milliseconds(20))
    }
    #expect(pair.login == nil)
    #expect(pair.failures.count == 4)
    pair.inject(try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session))
    pair.run()
    #expect(pair.login?.key == SSHPublicKey(Fixtures.ed25519.publicKey))
  }

  @Test("the host-bound form must name the host key of this connection")
  func hostBound() throws {
    for (hostKey, works) in [(Fixtures.ed25519, true), (Fixtures.p256, false)] {
      let pair = ConnectionPair.askingToSignIn()
      var payload = ByteBuffer()
      AuthenticationRequestMessage.write(
        username: "alice", method: AuthenticationRequestMessage.hostBoundName, into: &payload)
      payload.writeSSHBoolean(true)
      payload.writeSSHString("ssh-ed25519")
      payload.writeSSHString(SSHPublicKey(Fixtures.otherED25519.publicKey).blob)
      payload.writeSSHString(SSHPublicKey(hostKey.publicKey).blob)
      payload.writeSSHString(
        try Fixtures.otherED25519.sshSignature(
          PublicKeyProof.message(payload.bytes, pair.server.transport.sessionID), algorithm: .ed25519))
      pair.inject(payload.bytes)
      pair.run()
      #expect((pair.login != nil) == works)
    }
  }
}
