import EdgeCrypto
import NIOCore

/// The key exchange methods (ssh.md 1.5). All of them are two messages, 30 and 31.
package enum KeyExchangeMethod: String, Sendable, Hashable, CaseIterable {
  case mlkem768X25519 = "mlkem768x25519-sha256"
  case curve25519 = "curve25519-sha256"
  case curve25519LibSSH = "curve25519-sha256@libssh.org"
  case ecdhP256 = "ecdh-sha2-nistp256"
  case ecdhP384 = "ecdh-sha2-nistp384"
  case ecdhP521 = "ecdh-sha2-nistp521"
  case group14 = "diffie-hellman-group14-sha256"
  case group16 = "diffie-hellman-group16-sha512"
  case group18 = "diffie-hellman-group18-sha512"

  package var name: String { rawValue }

  var digest: DigestAlgorithm {
    switch self {
    case .mlkem768X25519, .curve25519, .curve25519LibSSH, .ecdhP256, .group14: .sha256
    case .ecdhP384: .sha384
    case .ecdhP521, .group16, .group18: .sha512
    }
  }

  /// The publics travel as mpint; otherwise as string.
  var usesIntegers: Bool {
    switch self {
    case .group14, .group16, .group18: true
    case .mlkem768X25519, .curve25519, .curve25519LibSSH, .ecdhP256, .ecdhP384, .ecdhP521: false
    }
  }

  func writePublic(_ value: [UInt8], into buffer: inout ByteBuffer) {
    if usesIntegers {
      buffer.writeMultiplePrecision(value)
    } else {
      buffer.writeSSHString(value)
    }
  }

  func readPublic(_ field: String, _ reader: inout MessageReader, limits: SSHLimits) throws(SSHError) -> [UInt8] {
    if usesIntegers {
      return try reader.multiplePrecision(field, limits: limits)
    }
    return try reader.bytes(field, limit: KeyExchangeMethod.publicLimit)
  }

  /// The largest public of any method: ML-KEM-768 and X25519 together have 1216 bytes.
  private static let publicLimit = 4096
}

/// What two sides agree on: `encoded` is K as it enters the hashes, in the wire form of the method.
struct SharedSecret: Sendable {
  let encoded: SecretBytes

  fileprivate init(integer magnitude: SecretBytes) { encoded = magnitude.sshInteger }

  /// A hybrid's two secrets (draft-ietf-sshm-mlkem-hybrid-kex): their digest, as a string.
  fileprivate init(hybrid postQuantum: SecretBytes, _ classical: SecretBytes) {
    let digest = SecretDigest(.sha256)
    digest.update(postQuantum)
    digest.update(classical)
    encoded = digest.finish().sshString
  }
}

extension KeyExchangeMethod {
  /// The server's half: its own ephemeral public and the secret.
  func respond(to clientPublic: [UInt8]) throws(SSHError) -> (serverPublic: [UInt8], secret: SharedSecret) {
    do {
      switch self {
      case .mlkem768X25519:
        let (encapsulation, point) = try split(
          clientPublic, first: MLKEM768.encapsulationKeyLength, "C_INIT of 1216 bytes")
        let (postQuantum, ciphertext) = try MLKEM768.encapsulate(to: encapsulation)
        let ephemeral = try X25519()
        let classical = try ephemeral.sharedSecret(with: point)
        return (
          ciphertext + ephemeral.publicKey,
          SharedSecret(hybrid: postQuantum, classical)
        )
      case .curve25519, .curve25519LibSSH:
        let ephemeral = try X25519()
        return (ephemeral.publicKey, SharedSecret(integer: try ephemeral.sharedSecret(with: clientPublic)))
      case .ecdhP256, .ecdhP384, .ecdhP521:
        let ephemeral = try ECDH(curve)
        return (ephemeral.publicKey, SharedSecret(integer: try ephemeral.sharedSecret(with: clientPublic)))
      case .group14, .group16, .group18:
        let ephemeral = try FiniteFieldDH(group)
        return (ephemeral.publicKey, SharedSecret(integer: try ephemeral.sharedSecret(with: clientPublic)))
      }
    } catch {
      throw KeyExchangeMethod.refused(error)
    }
  }

  fileprivate static func refused(_ error: any Error) -> SSHError {
    if let error = error as? SSHError { return error }
    let cause = (error as? CryptoError)?.message ?? "a failure"
    return .keyExchange(expected: "a usable public value", got: cause)
  }

  fileprivate var curve: Curve {
    switch self {
    case .ecdhP384: .p384
    case .ecdhP521: .p521
    default: .p256
    }
  }

  fileprivate var group: FiniteFieldDH.Group {
    switch self {
    case .group16: .group16
    case .group18: .group18
    default: .group14
    }
  }

  fileprivate func split(
    _ bytes: [UInt8], first count: Int, _ expected: String
  ) throws(SSHError) -> ([UInt8], [UInt8]) {
    guard bytes.count == count + 32 else { throw .keyExchange(expected: expected, got: "\(bytes.count) bytes") }
    return (Array(bytes.prefix(count)), Array(bytes.suffix(32)))
  }
}

/// The client's half: its ephemeral keys, from message 30 until message 31.
struct ClientKeyShare: Sendable {
  private enum Secret: Sendable {
    case hybrid(MLKEM768.DecapsulationKey, X25519)
    case x25519(X25519)
    case elliptic(ECDH)
    case finiteField(FiniteFieldDH)
  }

  private let method: KeyExchangeMethod
  private let secret: Secret
  let publicValue: [UInt8]

  init(_ method: KeyExchangeMethod) throws(SSHError) {
    self.method = method
    do {
      switch method {
      case .mlkem768X25519:
        let decapsulation = try MLKEM768.DecapsulationKey()
        let ephemeral = try X25519()
        secret = .hybrid(decapsulation, ephemeral)
        publicValue = decapsulation.encapsulationKey + ephemeral.publicKey
      case .curve25519, .curve25519LibSSH:
        let ephemeral = try X25519()
        secret = .x25519(ephemeral)
        publicValue = ephemeral.publicKey
      case .ecdhP256, .ecdhP384, .ecdhP521:
        let ephemeral = try ECDH(method.curve)
        secret = .elliptic(ephemeral)
        publicValue = ephemeral.publicKey
      case .group14, .group16, .group18:
        let ephemeral = try FiniteFieldDH(method.group)
        secret = .finiteField(ephemeral)
        publicValue = ephemeral.publicKey
      }
    } catch {
      throw KeyExchangeMethod.refused(error)
    }
  }

  func finish(serverPublic: [UInt8]) throws(SSHError) -> SharedSecret {
    do {
      switch secret {
      case .hybrid(let decapsulation, let ephemeral):
        let (ciphertext, point) = try method.split(
          serverPublic, first: MLKEM768.ciphertextLength, "S_REPLY of 1120 bytes")
        let postQuantum = try decapsulation.decapsulate(ciphertext)
        let classical = try ephemeral.sharedSecret(with: point)
        return SharedSecret(hybrid: postQuantum, classical)
      case .x25519(let ephemeral):
        return SharedSecret(integer: try ephemeral.sharedSecret(with: serverPublic))
      case .elliptic(let ephemeral):
        return SharedSecret(integer: try ephemeral.sharedSecret(with: serverPublic))
      case .finiteField(let ephemeral):
        return SharedSecret(integer: try ephemeral.sharedSecret(with: serverPublic))
      }
    } catch {
      throw KeyExchangeMethod.refused(error)
    }
  }
}
