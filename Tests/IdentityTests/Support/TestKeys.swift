import EdgeCrypto
import Logging

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Keys are slow to make: once for all tests.
enum TestKeys {
  static let rsa = make(.rsa(bits: 2048))
  static let otherRSA = make(.rsa(bits: 2048))
  static let p256 = make(.ecdsa(.p256))
  static let p384 = make(.ecdsa(.p384))
  static let ed25519 = make(.ed25519)

  private static func make(_ kind: PrivateKey.Kind) -> PrivateKey {
    do { return try PrivateKey.generate(kind) } catch { fatalError("no test key: \(error)") }
  }
}
