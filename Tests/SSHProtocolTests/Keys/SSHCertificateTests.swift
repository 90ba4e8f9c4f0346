import EdgeCrypto
import Foundation
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("OpenSSH certificates")
struct SSHCertificateTests {
  /// Appendix A.4 of the specification.
  @Test("the certificate of the vector is rebuilt byte by byte and read")
  func vector() throws {
    let fixture = CertificateFixture(
      nonce: [UInt8](repeating: 3, count: 32),
      key: try PrivateKey(ed25519Seed: [UInt8](repeating: 2, count: 32)), serial: 42,
      keyID: "alice@example.com sid=7", validAfter: 1_700_000_000, validBefore: 1_700_003_600,
      critical: [("source-address", CertificateFixture.text("192.0.2.10/32"))],
      authority: try PrivateKey(ed25519Seed: [UInt8](repeating: 1, count: 32)))
    #expect(fixture.blob.count == 417)
    #expect(
      Hex.encode(Digest.sha256(fixture.blob)) == "a54201387a10c9acee1cafa61601df95718671d4969db89a220430f9b1a7af9f")
    let certificate = try fixture.certificate()
    #expect(certificate.hasValidSignature)
    #expect(certificate.serial == 42)
    #expect(certificate.kind == .user)
    #expect(certificate.keyID == "alice@example.com sid=7")
    #expect(certificate.principals == ["alice"])
    #expect(try certificate.criticalOptions.text("source-address") == "192.0.2.10/32")
    #expect(try certificate.extensions.flag("permit-pty"))
    #expect(certificate.key == SSHPublicKey(fixture.key.publicKey))
    #expect(certificate.isValid(at: 1_700_000_000))
    #expect(certificate.isValid(at: 1_700_003_599))
    #expect(!certificate.isValid(at: 1_700_003_600))
    #expect(!certificate.isValid(at: 1_699_999_999))
  }

  @Test("every prefix, one more byte, and every changed byte is refused or unsigned")
  func strictness() throws {
    let blob = CertificateFixture(critical: [("source-address", CertificateFixture.text("10.0.0.0/8"))]).blob
    for count in 0..<blob.count {
      #expect(throws: SSHError.self) { try SSHCertificate(blob: Array(blob.prefix(count))) }
    }
    #expect(throws: SSHError.self) { try SSHCertificate(blob: blob + [0]) }
    for index in blob.indices {
      var changed = blob
      changed[index] ^= 1
      if let certificate = try? SSHCertificate(blob: changed) { #expect(!certificate.hasValidSignature, "\(index)") }
    }
  }

  @Test("options out of order, twice, or with wrong wrapping are refused")
  func options() throws {
    let text = CertificateFixture.text("x")
    for extensions in [
      [("b", []), ("a", [])], [("a", []), ("a", [])], [("", [])], (0..<70).map { (String(format: "%03d", $0), []) },
    ] as [[(String, [UInt8])]] {
      #expect(throws: SSHError.self) { try CertificateFixture(extensions: extensions).certificate() }
    }
    let surroundings = CertificateFixture.surroundings()
    for critical in [
      // Wrapped once, three times, with more behind it, and a flag with data.
      [("source-address", Array("10.0.0.0/8".utf8))], [("source-address", text + [0])],
      [("verify-required", text)],
    ] as [[(String, [UInt8])]] {
      let certificate = try CertificateFixture(critical: critical).certificate()
      #expect(throws: CertificateRefusal.self) {
        try CertificateTerms(of: certificate, from: "10.0.0.0/8", surroundings)
      }
    }
  }

  @Test("sizes, kinds, times, keys and authorities that cannot be are refused")
  func malformed() throws {
    var nested = CertificateFixture()
    nested.authorityBlob = CertificateFixture().blob
    var shortKey = ByteBuffer()
    shortKey.writeSSHString("ssh-ed25519-cert-v01@openssh.com")
    shortKey.writeSSHString([UInt8](repeating: 3, count: 32))
    shortKey.writeSSHString([UInt8](repeating: 1, count: 31))
    for fixture in [
      nested, CertificateFixture(kind: 0), CertificateFixture(kind: 3),
      CertificateFixture(validAfter: 2000, validBefore: 2000), CertificateFixture(validAfter: 2, validBefore: 1),
      CertificateFixture(principals: (0..<257).map { "p\($0)" }), CertificateFixture(type: "ssh-ed25519"),
      CertificateFixture(type: "ecdsa-sha2-nistp256-cert-v01@openssh.com"),
      CertificateFixture(type: "ssh-dss-cert-v01@openssh.com"),
      CertificateFixture(keyID: String(repeating: "x", count: 1025)),
      CertificateFixture(principals: (0..<200).map { "\($0)" + String(repeating: "p", count: 400) }),
    ] {
      #expect(throws: SSHError.self) { try fixture.certificate() }
    }
    #expect(throws: SSHError.self) { try SSHCertificate(blob: shortKey.bytes) }
  }

  @Test("signatures of authorities: their own key, SHA-2 only")
  func authorities() throws {
    for authority in [Fixtures.otherED25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      for algorithm in SSHSignatureAlgorithm.algorithms(for: authority.publicKey.type) {
        #expect(try CertificateFixture(authority: authority, algorithm: algorithm).certificate().hasValidSignature)
      }
    }
    var stranger = CertificateFixture()
    stranger.authorityBlob = SSHPublicKey(Fixtures.p256.publicKey).blob
    #expect(try !stranger.certificate().hasValidSignature)
    // The same RSA signature under the name of SHA-1.
    let blob = CertificateFixture(authority: Fixtures.rsa, algorithm: .rsaSHA512).blob
    let name = try #require(blob.ranges(of: Array("rsa-sha2-512".utf8)).last)
    var sha1 = blob
    sha1.replaceSubrange(name, with: Array("ssh-rsa-1234".utf8))
    #expect(try !SSHCertificate(blob: sha1).hasValidSignature)
  }

  @Test("the key inside is the plain key, and names tell its algorithms")
  func keys() throws {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let certificate = try CertificateFixture(key: key).certificate()
      #expect(certificate.key.fingerprint == SSHPublicKey(key.publicKey).fingerprint)
      for algorithm in certificate.algorithms {
        #expect(algorithm.keyTypeName == certificate.typeName)
        #expect(SSHKeyAlgorithm(rawValue: algorithm.name) == algorithm)
      }
    }
    #expect(
      try CertificateFixture(key: Fixtures.rsa).certificate().algorithms.map(\.name) == [
        "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
      ])
    #expect(SSHKeyAlgorithm(rawValue: "ssh-rsa-cert-v01@openssh.com") == nil)
    #expect(
      SSHKeyAlgorithm(rawValue: "sk-ssh-ed25519-cert-v01@openssh.com") == .certified(.securityKeyED25519))
  }

  @Test("what a certificate takes from its bearer")
  func terms() throws {
    let surroundings = CertificateFixture.surroundings()
    func refusal(
      _ fixture: CertificateFixture, from address: String? = "192.0.2.1",
      _ given: CertificateSurroundings? = CertificateFixture.surroundings()
    ) throws -> String? {
      let certificate = try fixture.certificate()
      do {
        _ = try CertificateTerms(of: certificate, from: address, given)
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(try refusal(CertificateFixture()) == nil)
    #expect(try refusal(CertificateFixture(kind: 2)) == "it is a host's certificate")
    #expect(try refusal(CertificateFixture(), nil) == "certificates cannot be checked here")
    #expect(try refusal(CertificateFixture(validAfter: 1501)) == "it is not valid yet")
    #expect(try refusal(CertificateFixture(validBefore: 1500)) == "it has expired")
    let command = CertificateFixture(critical: [("force-command", CertificateFixture.text("true"))])
    #expect(try refusal(command) == "it forces a command, and no commands are run here")
    let unknown = CertificateFixture(critical: [("launch\u{1b}", [])])
    #expect(try refusal(unknown) == "its critical option launch\\u{1b} is not known here")
    let bound = CertificateFixture(critical: [("source-address", CertificateFixture.text("10.0.0.1/32,192.0.2.1/32"))])
    #expect(try refusal(bound) == nil)
    #expect(try refusal(bound, from: "192.0.2.2") == "it may not be used from this address")
    #expect(try refusal(bound, from: nil) == "the client's address is not known")
    let broken = CertificateFixture(critical: [("source-address", CertificateFixture.text("192.0.2.1/32,broken"))])
    #expect(try refusal(broken) == "its source-address is no list of address blocks")

    let bare = try CertificateTerms(of: CertificateFixture(extensions: []).certificate(), from: nil, surroundings)
    #expect(!bare.permitsForwarding && !bare.permitsTerminal)
    let full = try CertificateTerms(of: CertificateFixture().certificate(), from: nil, surroundings)
    #expect(full.permitsForwarding && full.permitsTerminal)
    #expect(throws: CertificateRefusal.self) {
      try full.checkStillHolds(from: nil, CertificateFixture.surroundings(now: 2000))
    }
  }

  @Test("a FIDO key's certificate: verify-required holds, no-touch-required gives nothing")
  func securityKeys() throws {
    let fixture = CertificateFixture(
      critical: [("verify-required", [])], extensions: [("no-touch-required", [])], application: "ssh:")
    let certificate = try fixture.certificate()
    #expect(certificate.typeName == "sk-ssh-ed25519-cert-v01@openssh.com")
    #expect(certificate.key.algorithmName == "sk-ssh-ed25519@openssh.com")
    let surroundings = CertificateFixture.surroundings()
    let terms = try CertificateTerms(of: certificate, from: nil, surroundings)
    let free = try CertificateTerms(
      of: CertificateFixture(extensions: [("no-touch-required", [])], application: "ssh:").certificate(), from: nil,
      surroundings)
    let message = Array("message".utf8)
    func isTaken(_ flags: UInt8, _ demands: SecurityKeyDemands) throws -> Bool {
      let blob = try SecurityKeyFixture.signature(
        by: fixture.key, application: "ssh:", over: message, flags: flags, counter: 5)
      return certificate.key.verify(
        signatureBlob: blob, over: message, algorithm: .securityKeyED25519, demands: demands)
    }
    #expect(try isTaken(0x05, terms.demands))
    #expect(try !isTaken(0x01, terms.demands))
    #expect(try !isTaken(0x04, terms.demands))
    #expect(try isTaken(0x01, free.demands))
    #expect(try !isTaken(0x00, free.demands))
    #expect(try !isTaken(0x04, free.demands))
  }

  @Test(
    "what ssh-keygen signs is read", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh-keygen")))
  func sshKeygen() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "te-cert-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    func write(_ key: PrivateKey, _ name: String) throws -> String {
      let path = directory.appending(path: name).path
      try Data(key.openSSHPEM().utf8).write(to: URL(filePath: path))
      try Data((SSHPublicKey(key.publicKey).authorizedKeysLine() + "\n").utf8).write(to: URL(filePath: path + ".pub"))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      return path
    }
    let users = [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa]
    for (number, authority) in [Fixtures.otherED25519, Fixtures.p384, Fixtures.rsa].enumerated() {
      let ca = try write(authority, "ca\(number)")
      for (index, user) in users.enumerated() {
        let path = try write(user, "user\(number)\(index)")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/ssh-keygen")
        process.arguments = [
          "-q", "-s", ca, "-I", "alice \(index)", "-n", "alice,bob", "-z", "\(index)", "-V", "20200101:20300101",
          "-O", "source-address=10.0.0.0/8,::1/128", "-O", "no-x11-forwarding", path + ".pub",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let line = try String(contentsOfFile: path + "-cert.pub", encoding: .utf8)
        let certificate = try SSHCertificate(line: line)
        #expect(certificate.hasValidSignature)
        #expect(certificate.key == SSHPublicKey(user.publicKey))
        #expect(certificate.authority == SSHPublicKey(authority.publicKey))
        #expect(certificate.serial == UInt64(index))
        #expect(certificate.principals == ["alice", "bob"])
        #expect(try certificate.criticalOptions.text("source-address") == "10.0.0.0/8,::1/128")
        #expect(certificate.extensions.names.contains("permit-port-forwarding"))
      }
    }
  }
}
