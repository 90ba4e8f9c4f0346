internal import COpenSSL

/// Diffie-Hellman in a safe-prime group (RFC 8268): one exchange.
package struct FiniteFieldDH: Sendable {
  package enum Group: Sendable, Hashable, CaseIterable {
    case group14
    case group16
    case group18

    /// RFC 3526.
    var openSSLName: String {
      switch self {
      case .group14: "modp_2048"
      case .group16: "modp_4096"
      case .group18: "modp_8192"
      }
    }

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
  }

  package let group: Group
  /// Big-endian without leading zeros.
  package let publicKey: [UInt8]
  private let handle: KeyHandle

  package init(_ group: Group) throws(CryptoError) {
    self.group = group
    handle = try Self.generate(group)
    guard let number = handle.number("pub") else { throw .library("cannot read the DH key") }
    publicKey = number
  }

  /// With a key that is known, for known answers.
  init(_ group: Group, exponent: [UInt8], publicKey: [UInt8]) throws(CryptoError) {
    self.group = group
    self.publicKey = publicKey
    handle = try KeyHandle.make(
      "DH", publicOnly: false,
      [
        .text(KeyParameter.Name.group, group.openSSLName),
        .number(KeyParameter.Name.publicKey, try BigNumber(bytes: publicKey)),
        .number(KeyParameter.Name.privateKey, try BigNumber(bytes: exponent)),
      ])
  }

  private static func generate(_ group: Group) throws(CryptoError) -> KeyHandle {
    ErrorQueue.clear()
    guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "DH", nil) else { throw .library("no DH") }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    let parameters = try KeyParameterList([
      .text(KeyParameter.Name.group, group.openSSLName), .integer(KeyParameter.Name.privateLength, group.exponentBits),
    ])
    var key: OpaquePointer?
    guard unsafe EVP_PKEY_keygen_init(context) == 1, unsafe EVP_PKEY_CTX_set_params(context, parameters.pointer) == 1,
      unsafe EVP_PKEY_generate(context, &key) == 1, let key = unsafe key
    else { throw .library("cannot make a DH key") }
    return unsafe KeyHandle(key)
  }

  /// The secret, big-endian without leading zeros. OpenSSL checks 1 < peer < p − 1; values with fewer than four bits set
  /// are refused as OpenSSH refuses them.
  package func sharedSecret(with peer: [UInt8]) throws(CryptoError) -> [UInt8] {
    let peer = magnitude(peer)
    guard peer.count <= group.byteCount, peer.reduce(0, { $0 + $1.nonzeroBitCount }) >= 4 else {
      throw CryptoError(.degenerate, "The peer's DH value is not one of the group.")
    }
    let number = try BigNumber(bytes: peer)
    let key = try KeyHandle.make(
      "DH", publicOnly: true,
      [
        .text(KeyParameter.Name.group, group.openSSLName), .number(KeyParameter.Name.publicKey, number),
      ])
    let secret = magnitude(try KeyAgreement.derive(handle, key))
    guard !secret.isEmpty, secret != [1] else {
      throw CryptoError(.degenerate, "The peer's DH value leads to a secret that everybody knows.")
    }
    return secret
  }
}
