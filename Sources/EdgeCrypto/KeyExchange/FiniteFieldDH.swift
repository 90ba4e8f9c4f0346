internal import COpenSSL

/// Diffie-Hellman in a safe-prime group with generator 2 (RFC 8268, RFC 3526): one exchange.
package struct FiniteFieldDH: Sendable {
  package enum Group: Sendable, Hashable, CaseIterable {
    case group14
    case group16
    case group18

    package var byteCount: Int {
      switch self {
      case .group14: 256
      case .group16: 512
      case .group18: 1024
      }
    }

    /// Twice the strength of the group and more.
    var exponentBits: Int32 {
      switch self {
      case .group14: 256
      case .group16, .group18: 512
      }
    }

    var prime: BigNumber {
      let prime =
        switch self {
        case .group14: unsafe BN_get_rfc3526_prime_2048(nil)
        case .group16: unsafe BN_get_rfc3526_prime_4096(nil)
        case .group18: unsafe BN_get_rfc3526_prime_8192(nil)
        }
      // A constant of OpenSSL: only memory can be missing, and nothing a peer sends leads here.
      guard let prime = unsafe prime else { fatalError("Out of memory for a prime.") }
      return unsafe BigNumber(prime)
    }
  }

  package let group: Group
  /// Big-endian without leading zeros.
  package let publicKey: [UInt8]
  private let exponent: SecretBytes

  package init(_ group: Group) throws(CryptoError) {
    ErrorQueue.clear()
    let exponent = try BigNumber(bytes: [])
    try check(
      unsafe BN_priv_rand(exponent.pointer, group.exponentBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY),
      "cannot make a DH exponent")
    try self.init(group, secretExponent: exponent.secret)
  }

  /// With an exponent that is known, for known answers.
  init(_ group: Group, exponent: [UInt8]) throws(CryptoError) {
    try self.init(group, secretExponent: SecretBytes(exponent))
  }

  private init(_ group: Group, secretExponent exponent: SecretBytes) throws(CryptoError) {
    self.group = group
    self.exponent = exponent
    publicKey = try Self.power(try BigNumber(bytes: [2]), exponent, group.prime).bytes
  }

  /// The secret, big-endian without leading zeros. The peer's value is one of 2 … p − 2, and has at least four bits set (as
  /// OpenSSH demands). In a safe-prime group nothing else generates a small subgroup.
  package func sharedSecret(with peer: [UInt8]) throws(CryptoError) -> SecretBytes {
    let peer = magnitude(peer)
    guard peer.count <= group.byteCount, peer.reduce(0, { $0 + $1.nonzeroBitCount }) >= 4 else {
      throw CryptoError(.degenerate, "The peer's DH value is not one of the group.")
    }
    let prime = group.prime
    let number = try BigNumber(bytes: peer)
    let last = group.prime
    try check(unsafe BN_sub_word(last.pointer, 1), "cannot compute with the DH prime")
    guard unsafe BN_cmp(number.pointer, last.pointer) < 0 else {
      throw CryptoError(.degenerate, "The peer's DH value is not one of the group.")
    }
    let secret = try Self.power(number, exponent, prime).secret
    guard secret.count > 0, secret != SecretBytes([1]) else {
      throw CryptoError(.degenerate, "The peer's DH value leads to a secret that everybody knows.")
    }
    return secret
  }

  /// base ^ exponent mod prime, in a time that does not depend on the exponent's bits.
  private static func power(
    _ base: BigNumber, _ exponent: SecretBytes, _ prime: BigNumber
  ) throws(CryptoError) -> BigNumber {
    let exponent = try BigNumber(exponent)
    unsafe BN_set_flags(exponent.pointer, BN_FLG_CONSTTIME)
    let result = try BigNumber(bytes: [])
    guard let context = unsafe BN_CTX_secure_new() else { throw .library("no memory") }
    defer { unsafe BN_CTX_free(context) }
    try check(
      unsafe BN_mod_exp_mont_consttime(
        result.pointer, base.pointer, exponent.pointer, prime.pointer, context, nil),
      "cannot compute a DH power")
    return result
  }
}
