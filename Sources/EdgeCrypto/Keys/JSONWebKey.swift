/// The members of a JSON Web Key (RFC 7517) that matter here.
package struct JSONWebKey: Sendable, Hashable, Codable {
  package var kty: String
  package var crv: String?
  package var x: String?
  package var y: String?
  package var n: String?
  package var e: String?
  package var kid: String?
  package var use: String?
  package var alg: String?

  package init(
    kty: String, crv: String? = nil, x: String? = nil, y: String? = nil, n: String? = nil, e: String? = nil,
    kid: String? = nil, use: String? = nil, alg: String? = nil
  ) {
    self.kty = kty
    self.crv = crv
    self.x = x
    self.y = y
    self.n = n
    self.e = e
    self.kid = kid
    self.use = use
    self.alg = alg
  }
}

extension PublicKey {
  package convenience init(jwk: JSONWebKey) throws(CryptoError) {
    func bytes(_ value: String?, _ member: String) throws(CryptoError) -> [UInt8] {
      guard let value, let bytes = Base64.decodeURL(value), !bytes.isEmpty else {
        throw CryptoError(.malformed, "The JSON Web Key has no usable \"\(member)\".")
      }
      return bytes
    }
    switch jwk.kty {
    case "OKP":
      guard jwk.crv == "Ed25519" else {
        throw CryptoError(.unsupported, "Only the curve Ed25519 is used of kty \"OKP\".")
      }
      try self.init(.ed25519(try bytes(jwk.x, "x")))
    case "EC":
      guard let curve = jwk.crv.flatMap(Curve.init(jwkName:)) else {
        throw CryptoError(.unsupported, "Only the curves P-256, P-384 and P-521 are used of kty \"EC\".")
      }
      guard let x = leftPadded(try bytes(jwk.x, "x"), to: curve.coordinateLength),
        let y = leftPadded(try bytes(jwk.y, "y"), to: curve.coordinateLength)
      else { throw CryptoError(.malformed, "A coordinate is too long for \(curve.jwkName).") }
      try self.init(.ecdsa(curve, point: [4] + x + y))
    case "RSA":
      try self.init(.rsa(modulus: try bytes(jwk.n, "n"), exponent: try bytes(jwk.e, "e")))
    default:
      throw CryptoError(.unsupported, "Only the key types \"OKP\", \"EC\" and \"RSA\" are used.")
    }
  }

  package var jwk: JSONWebKey {
    switch parts {
    case .ed25519(let raw): return JSONWebKey(kty: "OKP", crv: "Ed25519", x: Base64.encodeURL(raw))
    case .ecdsa(let curve, let point):
      let x = Array(point.dropFirst().prefix(curve.coordinateLength))
      let y = Array(point.suffix(curve.coordinateLength))
      return JSONWebKey(kty: "EC", crv: curve.jwkName, x: Base64.encodeURL(x), y: Base64.encodeURL(y))
    case .rsa(let modulus, let exponent):
      return JSONWebKey(kty: "RSA", n: Base64.encodeURL(modulus), e: Base64.encodeURL(exponent))
    }
  }

  /// RFC 7638: the SHA-256 of the required members in order of name, in base64url.
  package var thumbprint: String {
    let jwk = jwk
    let members: [(String, String?)] = [
      ("crv", jwk.crv), ("e", jwk.e), ("kty", jwk.kty), ("n", jwk.n), ("x", jwk.x), ("y", jwk.y),
    ]
    let text = members.compactMap { name, value in value.map { "\"\(name)\":\"\($0)\"" } }.joined(separator: ",")
    return Base64.encodeURL(Digest.sha256("{\(text)}"))
  }
}
