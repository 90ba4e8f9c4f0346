internal import COpenSSL

/// ECDH on a NIST curve (RFC 5656 section 4): one exchange.
package struct ECDH: Sendable {
  package let curve: Curve
  /// 04 ‖ X ‖ Y.
  package let publicKey: [UInt8]
  private let handle: KeyHandle

  package init(_ curve: Curve) throws(CryptoError) {
    ErrorQueue.clear()
    guard let key = unsafe te_ec_generate(curve.openSSLName) else {
      throw .library("cannot make a \(curve.jwkName) key")
    }
    handle = unsafe KeyHandle(key)
    guard case .ecdsa(curve, let point) = try PublicKey.parts(of: handle) else {
      throw CryptoError(.library, "The \(curve.jwkName) key cannot be read.")
    }
    self.curve = curve
    publicKey = point
  }

  /// With a key that is known, for known answers.
  init(_ curve: Curve, scalar: [UInt8], point: [UInt8]) throws(CryptoError) {
    self.curve = curve
    publicKey = point
    handle = try KeyHandle.make(
      "EC", publicOnly: false,
      [
        .text(KeyParameter.Name.group, curve.openSSLName), .octets(KeyParameter.Name.publicKey, point),
        .number(KeyParameter.Name.privateKey, try BigNumber(bytes: scalar)),
      ])
  }

  /// The X coordinate, as wide as the curve's field. The peer's point is checked to be on the curve.
  package func sharedSecret(with peer: [UInt8]) throws(CryptoError) -> SecretBytes {
    let secret = try KeyAgreement.derive(handle, try PublicKey.ellipticKey(curve, peer))
    guard secret.count == curve.coordinateLength, !secret.isZero else {
      throw CryptoError(.degenerate, "The peer's \(curve.jwkName) key leads to a secret that everybody knows.")
    }
    return secret
  }
}
