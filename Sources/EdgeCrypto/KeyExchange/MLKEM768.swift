internal import Crypto
internal import FoundationEssentials

/// ML-KEM-768 (FIPS 203), of swift-crypto: OpenSSL has it from 3.5 on only.
package enum MLKEM768 {
  package static let encapsulationKeyLength = 1184
  package static let ciphertextLength = 1088

  /// The server's step. FIPS 203 section 7.2: a key with a coefficient outside the field is refused.
  package static func encapsulate(
    to key: [UInt8]
  ) throws(CryptoError) -> (sharedSecret: SecretBytes, ciphertext: [UInt8]) {
    guard key.count == encapsulationKeyLength else {
      throw CryptoError(.malformed, "An ML-KEM-768 key has \(encapsulationKeyLength) bytes, not \(key.count).")
    }
    do {
      let result = try Crypto.MLKEM768.PublicKey(rawRepresentation: key).encapsulate()
      return (bytes(of: result.sharedSecret), Array(result.encapsulated))
    } catch {
      throw CryptoError(.malformed, "The peer's ML-KEM-768 key is not valid.")
    }
  }

  /// The client's half.
  package struct DecapsulationKey: Sendable {
    package let encapsulationKey: [UInt8]
    private let key: Crypto.MLKEM768.PrivateKey

    package init() throws(CryptoError) {
      do { key = try Crypto.MLKEM768.PrivateKey() } catch {
        throw CryptoError(.library, "An ML-KEM-768 key cannot be made.")
      }
      encapsulationKey = Array(key.publicKey.rawRepresentation)
    }

    /// From the 64-byte seed d ‖ z of FIPS 203, for known answers.
    init(seed: [UInt8]) throws(CryptoError) {
      do { key = try Crypto.MLKEM768.PrivateKey(seedRepresentation: seed, publicKey: nil) } catch {
        throw CryptoError(.malformed, "The ML-KEM-768 seed is not valid.")
      }
      encapsulationKey = Array(key.publicKey.rawRepresentation)
    }

    package func decapsulate(_ ciphertext: [UInt8]) throws(CryptoError) -> SecretBytes {
      guard ciphertext.count == ciphertextLength else {
        throw CryptoError(
          .malformed, "An ML-KEM-768 ciphertext has \(ciphertextLength) bytes, not \(ciphertext.count).")
      }
      do { return bytes(of: try key.decapsulate(ciphertext)) } catch {
        throw CryptoError(.malformed, "The peer's ML-KEM-768 ciphertext is not valid.")
      }
    }
  }

  /// swift-crypto cleanses its own copy.
  private static func bytes(of key: SymmetricKey) -> SecretBytes {
    unsafe key.withUnsafeBytes { source in
      unsafe .made(source.count) { unsafe $0.copyMemory(from: source) }
    }
  }
}
