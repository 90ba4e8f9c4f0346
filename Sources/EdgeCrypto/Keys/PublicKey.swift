internal import COpenSSL

/// A public key that may sign for somebody: Ed25519, ECDSA on a NIST curve, RSA from 2048 bits.
package final class PublicKey: Sendable, Hashable, CustomStringConvertible {
  /// What the key is made of, independent of any file format.
  package enum Parts: Sendable, Hashable {
    case ed25519([UInt8])
    /// The point uncompressed: 04 ‖ X ‖ Y.
    case ecdsa(Curve, point: [UInt8])
    /// Big-endian without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])
  }

  /// Below 2048 bits RSA proves nothing; above 8192 a signature check costs more than it should.
  static let rsaBits = 2048...8192

  package let parts: Parts
  let handle: KeyHandle

  package init(_ parts: Parts) throws(CryptoError) {
    (self.parts, handle) = try Self.build(parts)
  }

  /// The public half of whatever OpenSSL read.
  init(handle: KeyHandle) throws(CryptoError) {
    (parts, self.handle) = try Self.build(try Self.parts(of: handle))
  }

  package var type: KeyType {
    switch parts {
    case .ed25519: .ed25519
    case .ecdsa(let curve, _): .ecdsa(curve)
    case .rsa: .rsa
    }
  }

  package var bitCount: Int {
    switch parts {
    case .ed25519: 256
    case .ecdsa(let curve, _): curve.bitCount
    case .rsa(let modulus, _): Self.bitCount(modulus)
    }
  }

  /// Whether this key made the signature. False, too, when the algorithm is not one of this key's.
  package func verify(_ signature: [UInt8], over message: [UInt8], algorithm: SignatureAlgorithm) -> Bool {
    guard algorithm.fits(type), let encoded = encoded(signature, algorithm) else { return false }
    return SignatureOperation.verify(encoded, over: message, with: handle, algorithm)
  }

  package static func == (a: PublicKey, b: PublicKey) -> Bool { a.parts == b.parts }
  package func hash(into hasher: inout Hasher) { hasher.combine(parts) }

  package var description: String {
    switch parts {
    case .ed25519: "Ed25519 key"
    case .ecdsa(let curve, _): "ECDSA \(curve.jwkName) key"
    case .rsa: "RSA \(bitCount) key"
    }
  }

  /// The signature as OpenSSL wants it: DER for ECDSA, as wide as the modulus for RSA.
  private func encoded(_ signature: [UInt8], _ algorithm: SignatureAlgorithm) -> [UInt8]? {
    switch parts {
    case .ed25519: return signature.count == 64 ? signature : nil
    case .ecdsa(let curve, _):
      guard let pair = ECDSASignature(raw: signature, curve: curve), !pair.r.isEmpty, !pair.s.isEmpty else {
        return nil
      }
      return pair.der
    case .rsa(let modulus, _):
      guard signature.count <= modulus.count else { return nil }
      if signature.count == modulus.count { return signature }
      // Some SSH clients strip leading zeros; tokens have no such excuse, and their PSS signatures are full length.
      return algorithm.isPSS ? nil : [UInt8](repeating: 0, count: modulus.count - signature.count) + signature
    }
  }

  private static func build(_ parts: Parts) throws(CryptoError) -> (Parts, KeyHandle) {
    switch parts {
    case .ed25519(let raw):
      guard raw.count == 32 else { throw CryptoError(.malformed, "An Ed25519 key has 32 bytes, not \(raw.count).") }
      ErrorQueue.clear()
      guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, raw, raw.count) else {
        throw .library("the Ed25519 key is not valid", .malformed)
      }
      return (parts, unsafe KeyHandle(key))
    case .ecdsa(let curve, let point):
      return (parts, try ellipticKey(curve, point))
    case .rsa(let modulus, let exponent):
      let (n, e) = (magnitude(modulus), magnitude(exponent))
      try checkStrength(n, e)
      let (modulus, exponent) = (try BigNumber(bytes: n), try BigNumber(bytes: e))
      let key = try KeyHandle.make(
        "RSA", publicOnly: true,
        [.number(KeyParameter.Name.modulus, modulus), .number(KeyParameter.Name.publicExponent, exponent)])
      return (.rsa(modulus: n, exponent: e), key)
    }
  }

  /// SEC 1 section 3.2.2: the point is on the curve and not at infinity. OpenSSL checks the former.
  static func ellipticKey(_ curve: Curve, _ point: [UInt8]) throws(CryptoError) -> KeyHandle {
    guard point.count == 1 + 2 * curve.coordinateLength, point.first == 4 else {
      throw CryptoError(
        .malformed, "A \(curve.jwkName) point has \(1 + 2 * curve.coordinateLength) bytes, uncompressed.")
    }
    return try KeyHandle.make(
      "EC", publicOnly: true,
      [.text(KeyParameter.Name.group, curve.openSSLName), .octets(KeyParameter.Name.publicKey, point)])
  }

  private static func checkStrength(_ modulus: [UInt8], _ exponent: [UInt8]) throws(CryptoError) {
    let bits = bitCount(modulus)
    guard rsaBits.contains(bits) else {
      throw CryptoError(
        .weakKey, "An RSA key needs \(rsaBits.lowerBound) to \(rsaBits.upperBound) bits; this has \(bits).")
    }
    guard let last = exponent.last, last & 1 == 1, exponent.count <= 4, exponent != [1],
      let lowest = modulus.last, lowest & 1 == 1
    else {
      throw CryptoError(.weakKey, "The RSA key has an even modulus or an exponent that is even, 1 or above 32 bits.")
    }
  }

  private static func bitCount(_ number: [UInt8]) -> Int {
    guard let first = number.first else { return 0 }
    return number.count * 8 - first.leadingZeroBitCount
  }

  static func parts(of handle: KeyHandle) throws(CryptoError) -> Parts {
    switch handle.type {
    case .ed25519:
      guard let raw = handle.rawPublic() else { throw .library("cannot read the key") }
      return .ed25519(raw)
    case .ecdsa(let curve):
      guard let x = handle.number("qx"), let y = handle.number("qy"),
        let paddedX = leftPadded(x, to: curve.coordinateLength), let paddedY = leftPadded(y, to: curve.coordinateLength)
      else { throw .library("cannot read the key") }
      return .ecdsa(curve, point: [4] + paddedX + paddedY)
    case .rsa:
      guard let n = handle.number("n"), let e = handle.number("e") else {
        throw .library("cannot read the key")
      }
      return .rsa(modulus: n, exponent: e)
    case nil:
      throw CryptoError(.unsupported, "Only Ed25519, RSA and ECDSA on P-256, P-384 and P-521 are used.")
    }
  }
}
