import EdgeCrypto
import Policy

/// A JWS in compact form, taken apart but not yet believed.
struct SignedToken: Sendable {
  /// Longer tokens than any provider makes are not worth parsing.
  static let maximumLength = 256 << 10

  let algorithm: TokenAlgorithm
  let keyID: String?
  /// Header and payload as they came: what the signature is over.
  let signedBytes: [UInt8]
  private let signature: [UInt8]
  private let payload: [UInt8]

  /// Tokens of different trades are signed with the same keys; each says in its header what it is, or nothing.
  enum Trade: Sendable { case identity, logout }

  init(_ text: String, as trade: Trade = .identity) throws(TokenFault) {
    guard text.utf8.count <= Self.maximumLength else { throw TokenFault(.malformed, "the token is too long") }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Base64.decodeURL(String(parts[0])),
      let payload = Base64.decodeURL(String(parts[1])), let signature = Base64.decodeURL(String(parts[2]))
    else { throw TokenFault(.malformed, "the token does not have three parts of base64url") }
    let members: ClaimValue
    do { members = try JSONReader.parse(header) } catch {
      throw TokenFault(.malformed, "the token's header is \(error)")
    }
    guard let name = members.text("alg") else { throw TokenFault(.malformed, "the token's header names no algorithm") }
    // Keys that the token brings along or points to (jwk, jku, x5c, x5u) are never looked at.
    guard let algorithm = TokenAlgorithm(name) else {
      throw TokenFault(.algorithm, "the token is signed with \(quoted(name)); a public-key algorithm was expected")
    }
    guard members.member("crit") == nil else {
      throw TokenFault(.malformed, "the token demands extensions that are not known here")
    }
    if let type = members.text("typ")?.lowercased() {
      let isLogout = type.hasSuffix("logout+jwt")
      guard !type.hasSuffix("at+jwt"), trade == .logout ? isLogout || type == "jwt" : !isLogout else {
        let expected = trade == .logout ? "a logout token" : "an ID token"
        throw TokenFault(.malformed, "the token is a \(quoted(type)); \(expected) was expected")
      }
    }
    self.algorithm = algorithm
    keyID = members.text("kid")
    signedBytes = Array("\(parts[0]).\(parts[1])".utf8)
    self.signature = signature
    self.payload = payload
  }

  /// Whom the token names as its issuer, before anybody has checked it: to choose whose keys to check it with.
  var unverifiedIssuer: String? { (try? JSONReader.parse(payload))?.text("iss") }

  /// The claims, once one of the provider's keys has made the signature. The key decides which algorithms it takes.
  func claims(verifiedBy keys: ProviderKeys) throws(TokenFault) -> ClaimValue {
    let candidates = keys.candidates(keyID: keyID, algorithm: algorithm)
    guard !candidates.isEmpty else {
      throw TokenFault(
        .unknownKey, "the provider lists no \(algorithm.name) key \(keyID.map { "with id \(quoted($0))" } ?? "at all")")
    }
    guard
      candidates.contains(where: { $0.verify(signature, over: signedBytes, algorithm: algorithm.signature) })
    else { throw TokenFault(.signature, "the token's signature is not the provider's") }
    let claims: ClaimValue
    do { claims = try JSONReader.parse(payload) } catch {
      throw TokenFault(.malformed, "the token's claims are \(error)")
    }
    guard claims.asMembers != nil else { throw TokenFault(.malformed, "the token's claims are no object") }
    return claims
  }
}

/// The algorithms of RFC 7518 and 8037 that a provider may sign with: public-key ones only, so that neither `none` nor
/// a MAC keyed with a public key can be expressed.
struct TokenAlgorithm: Sendable, Hashable {
  let name: String
  let signature: SignatureAlgorithm
  /// What `at_hash` is made with.
  let digest: DigestAlgorithm

  init?(_ name: String) {
    guard let (signature, digest) = Self.known[name] else { return nil }
    self.name = name
    self.signature = signature
    self.digest = digest
  }

  private static let known: [String: (SignatureAlgorithm, DigestAlgorithm)] = [
    "RS256": (.rsaPKCS1SHA256, .sha256), "RS384": (.rsaPKCS1SHA384, .sha384), "RS512": (.rsaPKCS1SHA512, .sha512),
    "PS256": (.rsaPSSSHA256, .sha256), "PS384": (.rsaPSSSHA384, .sha384), "PS512": (.rsaPSSSHA512, .sha512),
    "ES256": (.ecdsaSHA256, .sha256), "ES384": (.ecdsaSHA384, .sha384), "ES512": (.ecdsaSHA512, .sha512),
    "EdDSA": (.ed25519, .sha512),
  ]
}
