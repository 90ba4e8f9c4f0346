import EdgeCrypto
import Foundation
import TestSupport
import Testing

@testable import EmbeddedProvider

@Suite struct SigningKeysTests {
  private let lifetimes = ProviderConfiguration.Lifetimes()

  @Test func keysStayWithTheirDirectory() throws {
    let directory = try TemporaryDirectory()
    let first = try SigningKeys(directory: KeyDirectory(path: directory.path), lifetimes: lifetimes, now: 1000)
    let token = try first.sign(.object([("sub", .string("x"))]), type: "JWT", now: 1000)
    let again = try SigningKeys(directory: KeyDirectory(path: directory.path), lifetimes: lifetimes, now: 2000)
    #expect(again.verifies(token))
    let other = try SigningKeys(
      directory: KeyDirectory(path: try TemporaryDirectory().path + "/deep/er"), lifetimes: lifetimes, now: 1000)
    #expect(!other.verifies(token))
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(files.count == 1)
    let mode =
      try FileManager.default.attributesOfItem(atPath: directory.path + "/" + files[0])[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func anOldKeyIsReplacedAndListedAsLongAsItsTokensLive() throws {
    let directory = try TemporaryDirectory()
    let keys = try SigningKeys(directory: KeyDirectory(path: directory.path), lifetimes: lifetimes, now: 0)
    let token = try keys.sign(.object([]), type: "JWT", now: 0)
    _ = try keys.sign(.object([]), type: "JWT", now: lifetimes.signingKeys)
    #expect(keys.verifies(token))
    #expect(try keys.published(now: lifetimes.signingKeys).text.components(separatedBy: "\"kid\"").count == 3)
    let late = lifetimes.signingKeys + lifetimes.idTokens + 1
    _ = try keys.published(now: late)
    #expect(!keys.verifies(token))
  }

  @Test func aKeyThatOthersCanReadIsRefused() throws {
    let directory = try TemporaryDirectory()
    _ = try SigningKeys(directory: KeyDirectory(path: directory.path), lifetimes: lifetimes, now: 7)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: directory.path + "/provider-key-7.pem")
    #expect(throws: ProviderError.self) {
      try SigningKeys(directory: KeyDirectory(path: directory.path), lifetimes: lifetimes, now: 8)
    }
  }
}
