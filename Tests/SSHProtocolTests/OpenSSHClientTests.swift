import EdgeCrypto
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import SSHProtocol

/// The truth from outside: the stock client against our machine, algorithm by algorithm.
@Suite("stock OpenSSH client", .enabled(if: OpenSSHEcho.isAvailable), .serialized)
struct OpenSSHClientTests {
  private func data(_ count: Int) -> Data {
    var generator = SeededGenerator(5)
    return Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  private func check(_ outcome: OpenSSHEcho.Outcome, _ input: Data) {
    #expect(outcome.serverError == nil)
    #expect(outcome.status == 7, "\(outcome.errors)")
    #expect(outcome.output == input)
    #expect(outcome.isStrict)
  }

  @Test(
    "every cipher and MAC, with the client rekeying every 64 KiB",
    arguments: [
      (CipherAlgorithm.aes128GCM, MACAlgorithm.hmacSHA256), (.aes256GCM, .hmacSHA256), (.chachaPoly, .hmacSHA256),
      (.aes128CTR, .hmacSHA256ETM), (.aes192CTR, .hmacSHA512ETM), (.aes256CTR, .hmacSHA256), (.aes128CTR, .hmacSHA512),
    ])
  func ciphers(cipher: CipherAlgorithm, mac: MACAlgorithm) throws {
    let input = data(600_000)
    let outcome = try OpenSSHEcho(options: ["-c", cipher.name, "-m", mac.name, "-o", "RekeyLimit=64K"])
      .run(sending: input)
    check(outcome, input)
    #expect(outcome.algorithms?.cipherToClient == cipher)
    // How many depends on how much is under way while an exchange lasts, which a slow machine makes long.
    #expect(outcome.rekeys >= 2)
  }

  @Test(
    "every key exchange that the client has",
    arguments: KeyExchangeMethod.allCases.filter { $0 != .mlkem768X25519 })
  func exchanges(method: KeyExchangeMethod) throws {
    let input = data(1000)
    let outcome = try OpenSSHEcho(
      configure: { $0.algorithms.keyExchange = KeyExchangeMethod.allCases },
      options: ["-o", "KexAlgorithms=\(method.name)"]
    ).run(sending: input)
    check(outcome, input)
    #expect(outcome.algorithms?.keyExchange == method)
  }

  @Test("every host key and every user key")
  func keys() throws {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let input = data(100)
      let outcome = try OpenSSHEcho(configure: { $0.hostKeys = [key] }, userKey: key).run(sending: input)
      check(outcome, input)
      #expect(outcome.errors.contains("signed in as alice"))
    }
  }

  @Test("only AES-GCM is left to it by default, and the server rekeys under load")
  func serverRekeys() throws {
    let input = data(3_000_000)
    let outcome = try OpenSSHEcho(configure: { $0.rekey.bytes = 500_000 }).run(sending: input)
    check(outcome, input)
    #expect(outcome.algorithms?.cipherToClient == .aes128GCM)
    // How many depends on how much is under way while an exchange lasts, which a slow machine makes long.
    #expect(outcome.rekeys >= 2)
  }

  @Test("partial success, then the prompt on its terminal, then in")
  func signIn() throws {
    let input = data(100)
    let outcome = try OpenSSHEcho(signsIn: true).run(sending: input)
    check(outcome, input)
    #expect(outcome.errors.contains("https://auth.localhost/x"))
  }
}
