/// The two numbers of an ECDSA signature, for those who wrap them (SSH in mpints, JOSE side by side, X.509 in DER).
package struct ECDSASignature: Sendable, Equatable {
  /// Big-endian without leading zeros.
  package let r: [UInt8]
  package let s: [UInt8]

  package init(r: [UInt8], s: [UInt8]) {
    self.r = magnitude(r)
    self.s = magnitude(s)
  }

  package init?(raw: [UInt8], curve: Curve) {
    guard raw.count == 2 * curve.coordinateLength else { return nil }
    self.init(r: Array(raw.prefix(curve.coordinateLength)), s: Array(raw.suffix(curve.coordinateLength)))
  }

  /// r ‖ s in fixed width; nil when a number is zero or too large for the curve.
  package func raw(_ curve: Curve) -> [UInt8]? {
    guard let r = leftPadded(r, to: curve.coordinateLength), let s = leftPadded(s, to: curve.coordinateLength),
      !self.r.isEmpty, !self.s.isEmpty
    else { return nil }
    return r + s
  }

  /// SEQUENCE { r INTEGER, s INTEGER }.
  var der: [UInt8] { DER.sequence(DER.integer(r) + DER.integer(s)) }

  init?(der: [UInt8]) {
    var outer = DERReader(der)
    guard var inner = outer.sequence(), outer.isAtEnd, let r = inner.integer(), let s = inner.integer(), inner.isAtEnd
    else { return nil }
    self.init(r: r, s: s)
  }
}

/// A number's bytes without leading zeros.
func magnitude(_ bytes: [UInt8]) -> [UInt8] {
  bytes.first == 0 ? Array(bytes.drop { $0 == 0 }) : bytes
}

/// A number's bytes in fixed width; nil when they do not fit.
func leftPadded(_ bytes: [UInt8], to count: Int) -> [UInt8]? {
  let bytes = magnitude(bytes)
  guard bytes.count <= count else { return nil }
  return [UInt8](repeating: 0, count: count - bytes.count) + bytes
}
