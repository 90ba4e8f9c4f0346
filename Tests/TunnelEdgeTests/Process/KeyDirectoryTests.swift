import Foundation
import TestSupport
import Testing

@testable import TunnelEdge

@Suite struct KeyDirectoryTests {
  @Test func keysAreMadeOnceAndKeptAfterwards() throws {
    let folder = try TemporaryDirectory()
    let keys = KeyDirectory(path: folder.file("keys"))
    let made = try keys.fill(comment: "test")
    #expect(made.map(\.isNew) == [true, true, true, true])
    #expect(made.map(\.path) == [keys.userCA] + keys.hostKeys)
    let before = try folder.text("keys/ssh_host_ed25519_key")

    let kept = try keys.fill(comment: "another")
    #expect(kept.map(\.isNew) == [false, false, false, false])
    #expect(kept.map(\.fingerprint) == made.map(\.fingerprint))
    #expect(try folder.text("keys/ssh_host_ed25519_key") == before)
  }

  @Test func onlyTheOwnerReadsThem() throws {
    let folder = try TemporaryDirectory()
    _ = try KeyDirectory(path: folder.file("keys")).fill(comment: "test")
    for name in ["user_ca_key", "ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"] {
      #expect(try folder.permissions("keys/\(name)") == 0o600, "\(name)")
      #expect(try folder.permissions("keys/\(name).pub") == 0o644, "\(name).pub")
    }
    #expect(try folder.permissions("keys") == 0o700)
  }

  @Test func sshKeygenReadsEveryOne() throws {
    let folder = try TemporaryDirectory()
    for file in try KeyDirectory(path: folder.file("keys")).fill(comment: "test") {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/ssh-keygen")
      process.arguments = ["-l", "-f", file.path]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(text.contains(file.fingerprint), "\(text)")
    }
  }

  @Test func aFileThatIsNoKeyIsNamed() throws {
    let folder = try TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: folder.file("keys"), withIntermediateDirectories: true)
    try folder.write("not a key\n", to: "keys/user_ca_key")
    let failure = #expect(throws: KeyDirectory.Failure.self) {
      try KeyDirectory(path: folder.file("keys")).fill(comment: "test")
    }
    #expect(failure?.description.contains("user_ca_key") == true)
    #expect(try folder.text("keys/user_ca_key") == "not a key\n")
  }
}
