internal import COpenSSL

/// The private key format of OpenSSH (PROTOCOL.key), unencrypted, one key.
struct OpenSSHKeyFile {
  private static let magic = Array("openssh-key-v1\0".utf8)
  private static let maximumByteCount = 64 << 10

  let handle: KeyHandle
  let comment: String

  init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count <= Self.maximumByteCount, bytes.starts(with: Self.magic) else {
      throw CryptoError(.malformed, "This is no OpenSSH private key.")
    }
    var file = SSHWireReader(bytes.dropFirst(Self.magic.count))
    let cipher = try file.text()
    let derivation = try file.text()
    _ = try file.string()
    guard cipher == "none", derivation == "none" else {
      throw CryptoError(.encryptedKey, "The private key needs a passphrase; keys here are stored without one.")
    }
    guard try file.number() == 1 else { throw CryptoError(.unsupported, "The file must hold exactly one key.") }
    _ = try file.string()
    var section = SSHWireReader(try file.string()[...])
    guard file.isAtEnd, try section.number() == section.number() else {
      throw CryptoError(.malformed, "The OpenSSH private key is damaged.")
    }
    handle = try Self.key(&section)
    comment = try section.text()
    // Padding 1, 2, 3, … up to the block length of the cipher.
    for (index, byte) in section.rest.enumerated() {
      guard index < 255, Int(byte) == index + 1 else {
        throw CryptoError(.malformed, "The OpenSSH private key has wrong padding.")
      }
    }
  }

  private static func key(_ section: inout SSHWireReader) throws(CryptoError) -> KeyHandle {
    let type = try section.text()
    let handle: KeyHandle
    switch type {
    case "ssh-ed25519":
      let publicHalf = try section.string()
      let secret = try section.string()
      guard secret.count == 64, publicHalf.count == 32, Array(secret.suffix(32)) == publicHalf else {
        throw CryptoError(.malformed, "The Ed25519 key is damaged.")
      }
      handle = try PrivateKey.ed25519Handle(Array(secret.prefix(32)))
      guard handle.rawPublic() == publicHalf else {
        throw CryptoError(.keyMismatch, "The halves of the Ed25519 key do not belong together.")
      }
      return handle
    case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
      let curveName = try section.text()
      guard let curve = Curve(sshName: curveName), type.hasSuffix(curveName) else {
        throw CryptoError(.malformed, "The ECDSA key names another curve than its type.")
      }
      let point = try section.string()
      handle = try ellipticKey(curve, point, scalar: try section.mpint())
    case "ssh-rsa":
      let n = try section.mpint()
      let e = try section.mpint()
      let d = try section.mpint()
      let inverse = try section.mpint()
      let p = try section.mpint()
      let q = try section.mpint()
      handle = try rsaKey(n: n, e: e, d: d, inverse: inverse, p: p, q: q)
    default:
      throw CryptoError(.unsupported, "Keys of type \(type.prefix(64)) are not used here.")
    }
    guard handle.isConsistent() else {
      throw CryptoError(.keyMismatch, "The halves of the private key do not belong together.")
    }
    return handle
  }

  private static func ellipticKey(_ curve: Curve, _ point: [UInt8], scalar: [UInt8]) throws(CryptoError) -> KeyHandle {
    _ = try PublicKey(.ecdsa(curve, point: point))
    let scalar = try BigNumber(bytes: scalar)
    return try KeyHandle.make(
      "EC", publicOnly: false,
      [
        .text(KeyParameter.Name.group, curve.openSSLName), .octets(KeyParameter.Name.publicKey, point),
        .number(KeyParameter.Name.privateKey, scalar),
      ])
  }

  private static func rsaKey(
    n: [UInt8], e: [UInt8], d: [UInt8], inverse: [UInt8], p: [UInt8], q: [UInt8]
  ) throws(CryptoError) -> KeyHandle {
    _ = try PublicKey(.rsa(modulus: n, exponent: e))
    guard p.count > 1, q.count > 1 else { throw CryptoError(.malformed, "The RSA key is damaged.") }
    let secret = try BigNumber(bytes: d)
    return try KeyHandle.make(
      "RSA", publicOnly: false,
      [
        .number(KeyParameter.Name.modulus, try BigNumber(bytes: n)),
        .number(KeyParameter.Name.publicExponent, try BigNumber(bytes: e)),
        .number(KeyParameter.Name.privateExponent, secret),
        .number(KeyParameter.Name.factor1, try BigNumber(bytes: p)),
        .number(KeyParameter.Name.factor2, try BigNumber(bytes: q)),
        .number(KeyParameter.Name.exponent1, try reduced(secret, modulo: p)),
        .number(KeyParameter.Name.exponent2, try reduced(secret, modulo: q)),
        .number(KeyParameter.Name.coefficient, try BigNumber(bytes: inverse)),
      ])
  }

  /// d mod (prime − 1), which the file leaves out.
  private static func reduced(_ secret: BigNumber, modulo prime: [UInt8]) throws(CryptoError) -> BigNumber {
    let modulus = try BigNumber(bytes: prime)
    let result = try BigNumber(bytes: [])
    guard let context = unsafe BN_CTX_secure_new() else { throw .library("no memory") }
    defer { unsafe BN_CTX_free(context) }
    try check(unsafe BN_sub_word(modulus.pointer, 1), "the RSA key is damaged")
    try check(unsafe BN_div(nil, result.pointer, secret.pointer, modulus.pointer, context), "the RSA key is damaged")
    return result
  }

  static func bytes(of key: PrivateKey, comment: String) throws(CryptoError) -> [UInt8] {
    func number(_ name: String) throws(CryptoError) -> [UInt8] {
      guard let bytes = key.handle.number(name) else { throw CryptoError(.library, "The private key cannot be read.") }
      return bytes
    }
    var blob = SSHWireWriter()
    var secret = SSHWireWriter()
    switch key.publicKey.parts {
    case .ed25519(let raw):
      guard let seed = key.handle.rawPrivate() else { throw CryptoError(.library, "The private key cannot be read.") }
      blob.string("ssh-ed25519")
      blob.string(raw)
      secret.bytes = blob.bytes
      secret.string(seed + raw)
    case .ecdsa(let curve, let point):
      blob.string("ecdsa-sha2-\(curve.sshName)")
      blob.string(curve.sshName)
      blob.string(point)
      secret.bytes = blob.bytes
      secret.mpint(try number("priv"))
    case .rsa(let modulus, let exponent):
      blob.string("ssh-rsa")
      blob.mpint(exponent)
      blob.mpint(modulus)
      secret.string("ssh-rsa")
      secret.mpint(modulus)
      secret.mpint(exponent)
      secret.mpint(try number("d"))
      secret.mpint(try number("rsa-coefficient1"))
      secret.mpint(try number("rsa-factor1"))
      secret.mpint(try number("rsa-factor2"))
    }
    secret.string(comment)
    let mark = SecureRandom.bytes(4)
    var section = mark + mark + secret.bytes
    var pad: UInt8 = 1
    while section.count % 8 != 0 {
      section.append(pad)
      pad += 1
    }
    var file = SSHWireWriter()
    file.bytes = magic
    file.string("none")
    file.string("none")
    file.string("")
    file.number(1)
    file.string(blob.bytes)
    file.string(section)
    return file.bytes
  }
}
