import EdgeCrypto
import Foundation
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("certificates of host keys")
struct HostCertificateTests {
  private func certificate(_ key: PrivateKey) throws -> SSHCertificate {
    try CertificateFixture(
      key: key, kind: 2, principals: ["127.0.0.1"], validAfter: 0, validBefore: .max, extensions: []
    ).certificate()
  }

  @Test("are offered before the plain keys, and shown when chosen")
  func offered() throws {
    let certificate = try certificate(Fixtures.ed25519)
    func peer() -> RawPeer {
      RawPeer {
        $0.hostKeys = [Fixtures.ed25519, Fixtures.rsa]
        $0.hostCertificates = [certificate]
      }
    }
    for (wanted, shown) in [
      ("ssh-ed25519-cert-v01@openssh.com", certificate.blob),
      ("ssh-ed25519", SSHPublicKey(Fixtures.ed25519.publicKey).blob),
    ] {
      var peer = peer()
      peer.sendOffer { $0.hostKey = [wanted] }
      let offer = try KeyExchangeInitMessage(
        payload: ByteBuffer(bytes: try #require(peer.received().first)), limits: SSHLimits())
      #expect(
        offer.hostKey == ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"])
      peer.sendPublic()
      let reply = try #require(peer.received().first)
      var reader = MessageReader(message: ByteBuffer(bytes: reply), "reply")
      #expect(try reader.bytes("host key", limit: 4096) == shown)
      _ = try reader.bytes("public", limit: 64)
      var signature = MessageReader(try reader.slice("signature", limit: 512), "signature")
      #expect(try signature.text("name", limit: 64) == "ssh-ed25519")
      #expect(peer.error == nil)
    }
  }

  @Test("hostkeys-00 names plain keys only")
  func announcement() throws {
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [Fixtures.ed25519]
    configuration.hostCertificates = [try certificate(Fixtures.ed25519)]
    var reader = MessageReader(HostKeyAnnouncement.data(configuration), "hostkeys-00")
    #expect(try reader.bytes("key", limit: 4096) == SSHPublicKey(Fixtures.ed25519.publicKey).blob)
    try reader.end()
  }

  @Test(
    "stock OpenSSH trusts the authority, binds its login to the certificate and rekeys",
    .enabled(if: OpenSSHEcho.isAvailable))
  func openSSH() throws {
    let input = Data(repeating: 7, count: 300_000)
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.rsa] {
      let certificate = try certificate(key)
      let authority = SSHPublicKey(Fixtures.otherED25519.publicKey).authorizedKeysLine()
      let outcome = try OpenSSHEcho(
        configure: {
          $0.hostKeys = [key]
          $0.hostCertificates = [certificate]
        }, options: ["-o", "RekeyLimit=64K"], knownHosts: "@cert-authority 127.0.0.1 \(authority)\n"
      ).run(sending: input)
      #expect(outcome.serverError == nil)
      #expect(outcome.status == 7, "\(outcome.errors)")
      #expect(outcome.output == input)
      #expect(outcome.algorithms?.hostKey.isCertificate == true)
      #expect(outcome.rekeys >= 1)
    }
  }
}
