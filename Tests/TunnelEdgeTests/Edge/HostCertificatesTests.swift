import EdgeConfig
import EdgeCrypto
import Foundation
import Policy
import SSHProtocol
import TestSupport
import Testing

@testable import TunnelEdge

/// Certificates as ssh-keygen makes them, and what `check` and `run` say of wrong ones.
@Suite struct HostCertificatesTests {
  private let folder: TemporaryDirectory
  private let hostKey: PrivateKey
  private let authority: PrivateKey

  init() throws {
    folder = try TemporaryDirectory()
    hostKey = try PrivateKey.generate(.ed25519)
    authority = try PrivateKey.generate(.ed25519)
  }

  private func certificate(
    of key: PrivateKey, _ name: String, _ more: [String] = ["-h", "-n", "edge.example"],
    validity: String = "always:forever"
  ) throws -> CertificateText {
    func write(_ key: PrivateKey, _ path: String) throws {
      try Data(key.openSSHPEM().utf8).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      let line = SSHPublicKey(key.publicKey).authorizedKeysLine() + "\n"
      try Data(line.utf8).write(to: URL(filePath: path + ".pub"))
    }
    let (ca, path) = ("\(folder.path)/ca", "\(folder.path)/\(name)")
    try write(authority, ca)
    try write(key, path)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/ssh-keygen")
    process.arguments = ["-q", "-s", ca, "-I", "edge", "-V", validity] + more + [path + ".pub"]
    try process.run()
    process.waitUntilExit()
    let line = try String(contentsOfFile: path + "-cert.pub", encoding: .utf8).split(separator: "\n").first ?? ""
    return CertificateText(line: String(line), name: path + "-cert.pub")
  }

  private func problem(_ texts: [CertificateText]) -> String? {
    do {
      _ = try HostCertificates(texts, hostKeys: [hostKey])
      return nil
    } catch {
      return error.description
    }
  }

  @Test func aRightOneIsTakenWithoutAWarning() throws {
    let read = try HostCertificates([try certificate(of: hostKey, "host")], hostKeys: [hostKey])
    #expect(read.certificates.count == 1)
    #expect(read.warnings(at: UnixTime(seconds: 1_800_000_000)).isEmpty)
  }

  @Test func wrongOnesAreNamedWithFileAndReason() throws {
    let right = try certificate(of: hostKey, "host")
    let stranger = try certificate(of: try PrivateKey.generate(.ed25519), "stranger")
    #expect(problem([stranger])?.hasPrefix(stranger.name) == true)
    #expect(problem([stranger])?.contains("none of the host keys") == true)
    let user = try certificate(of: hostKey, "user", ["-n", "alice"])
    #expect(problem([user])?.contains("this is a user certificate") == true)
    #expect(problem([right, right])?.contains("a second certificate") == true)
    let plain = SSHPublicKey(hostKey.publicKey).authorizedKeysLine()
    #expect(problem([CertificateText(line: plain, name: "x.pub")])?.contains("no OpenSSH certificate") == true)
    #expect(problem([CertificateText(line: "", name: "x.pub")])?.hasPrefix("x.pub: ") == true)
    var damaged = right
    damaged.line = String(right.line.replacing("AAAA", with: "AAAB", maxReplacements: 1))
    #expect(problem([damaged]) != nil)
  }

  @Test func anExpiredOneAndOneWithoutNamesAreWarnedOf() throws {
    let old = try HostCertificates(
      [try certificate(of: hostKey, "old", validity: "20200101:20210101")], hostKeys: [hostKey])
    #expect(old.warnings(at: UnixTime(seconds: 1_800_000_000)).first?.contains("has expired") == true)
    #expect(old.warnings(at: UnixTime(seconds: 1_500_000_000)).first?.contains("not valid yet") == true)
    let nameless = try HostCertificates([try certificate(of: hostKey, "nameless", ["-h"])], hostKeys: [hostKey])
    #expect(nameless.warnings(at: UnixTime(seconds: 1_800_000_000)).first?.contains("names no hosts") == true)
  }
}
