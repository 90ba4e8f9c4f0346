import EdgeCrypto
import Policy

/// The keys of a JWKS document that we can use. An entry that cannot be read, or is for something else, is skipped.
struct ProviderKeys: Sendable {
  private struct Key: Sendable {
    var id: String?
    var algorithm: String?
    var key: PublicKey
  }

  /// A provider has a handful; looking at more would only cost.
  static let maximumCount = 128
  /// How many keys a token without a key id may be tried with.
  static let maximumCandidates = 16

  private let keys: [Key]

  init(_ document: ClaimValue) throws(TokenFault) {
    guard case .list(let entries)? = document.member("keys") else {
      throw TokenFault(.malformed, "the provider's key document has no list of keys")
    }
    keys = entries.prefix(Self.maximumCount).compactMap { entry in
      guard entry.text("use") ?? "sig" == "sig", entry.member("key_ops")?.asTexts?.contains("verify") ?? true,
        let key = Self.publicKey(entry)
      else { return nil }
      return Key(id: entry.text("kid"), algorithm: entry.text("alg"), key: key)
    }
  }

  /// The keys that may have made such a signature. A token without an id is tried with all of them; a key without an id
  /// is tried for any token.
  func candidates(keyID: String?, algorithm: TokenAlgorithm) -> [PublicKey] {
    keys.filter { key in
      (keyID == nil || key.id == nil || key.id == keyID) && (key.algorithm ?? algorithm.name) == algorithm.name
        && algorithm.signature.fits(key.key.type)
    }
    .prefix(Self.maximumCandidates).map(\.key)
  }

  private static func publicKey(_ entry: ClaimValue) -> PublicKey? {
    switch entry.text("kty") {
    case "RSA":
      guard let modulus = bytes(entry, "n"), let exponent = bytes(entry, "e") else { return nil }
      return try? PublicKey(.rsa(modulus: magnitude(modulus), exponent: magnitude(exponent)))
    case "EC":
      guard let curve = Curve.allCases.first(where: { $0.jwkName == entry.text("crv") }),
        let x = bytes(entry, "x"), let y = bytes(entry, "y"), x.count <= curve.coordinateLength,
        y.count <= curve.coordinateLength
      else { return nil }
      return try? PublicKey(.ecdsa(curve, point: [4] + padded(x, for: curve) + padded(y, for: curve)))
    case "OKP":
      guard entry.text("crv") == "Ed25519", let x = bytes(entry, "x") else { return nil }
      return try? PublicKey(.ed25519(x))
    default:
      return nil
    }
  }

  private static func bytes(_ entry: ClaimValue, _ name: String) -> [UInt8]? {
    entry.text(name).flatMap { Base64.decodeURL($0) }
  }

  private static func magnitude(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.drop { $0 == 0 }) }

  /// Some providers drop the leading zeros that RFC 7518 asks for.
  private static func padded(_ bytes: [UInt8], for curve: Curve) -> [UInt8] {
    [UInt8](repeating: 0, count: curve.coordinateLength - bytes.count) + bytes
  }
}
