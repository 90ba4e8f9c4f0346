import EdgeCrypto
import NIOCore
import PlainText

/// An OpenSSH certificate (PROTOCOL.certkeys), parsed strictly. That it parses says nothing yet: `hasValidSignature` and
/// the checks of whoever relies on it do.
package struct SSHCertificate: Sendable, Equatable {
  package enum Kind: UInt32, Sendable {
    case user = 1
    case host = 2
  }

  package let blob: [UInt8]
  /// The type name at the head of the blob, such as `ssh-ed25519-cert-v01@openssh.com`.
  package let typeName: String
  /// The certified key, by itself: its fingerprint is the one of the plain key.
  package let key: SSHPublicKey
  package let serial: UInt64
  package let kind: Kind
  package let keyID: String
  package let principals: [String]
  /// In seconds since 1970: the first second in which it is valid, and the first in which it is not any more.
  package let validAfter: UInt64
  package let validBefore: UInt64
  package let criticalOptions: CertificateOptions
  package let extensions: CertificateOptions
  /// Always a plain key: a certificate in a certificate invites recursion (x/crypto 90f76b8).
  package let authority: SSHPublicKey
  private let signature: [UInt8]
  /// How many bytes of the blob the signature covers: everything before it.
  private let signedCount: Int

  package static let blobLimit = 64 * 1024
  private static let principalLimit = 256
  private static let textLimit = 1024

  package init(blob: [UInt8]) throws(SSHError) {
    var reader = MessageReader(ByteBuffer(bytes: blob), "certificate")
    guard blob.count <= Self.blobLimit else {
      throw reader.failure("at most \(Self.blobLimit) bytes", "\(blob.count)")
    }
    typeName = try reader.text("certificate type", limit: SSHLimits().nameLength)
    guard let plainType = Self.plainTypes[typeName] else {
      throw reader.failure("a known certificate type", typeName.printable(limit: 64))
    }
    _ = try reader.bytes("nonce", limit: Self.textLimit)
    key = try SSHPublicKey(type: plainType, fields: &reader)
    serial = try reader.uint64("serial")
    let written = try reader.uint32("certificate kind")
    guard let kind = Kind(rawValue: written) else { throw reader.failure("kind 1 (user) or 2 (host)", "\(written)") }
    self.kind = kind
    keyID = try reader.text("key id", limit: Self.textLimit)
    principals = try Self.principals(try reader.slice("principals", limit: Self.blobLimit))
    validAfter = try reader.uint64("valid after")
    validBefore = try reader.uint64("valid before")
    guard validAfter < validBefore else {
      throw reader.failure("a time in which it is valid", "an end before its begin")
    }
    criticalOptions = try CertificateOptions(
      try reader.slice("critical options", limit: Self.blobLimit), "critical options")
    extensions = try CertificateOptions(try reader.slice("extensions", limit: Self.blobLimit), "extensions")
    // Ignored in this version, says PROTOCOL.certkeys.
    _ = try reader.slice("reserved", limit: Self.textLimit)
    authority = try SSHPublicKey(blob: try reader.bytes("authority's key", limit: SSHPublicKey.blobLimit))
    signedCount = blob.count - reader.remainingCount
    signature = try reader.bytes("signature", limit: SSHPublicKey.signatureLimit * 2)
    try reader.end()
    self.blob = blob
  }

  private static func principals(_ section: ByteBuffer) throws(SSHError) -> [String] {
    var reader = MessageReader(section, "principals")
    var names: [String] = []
    while reader.remainingCount > 0 {
      guard names.count < principalLimit else { throw reader.failure("at most \(principalLimit) principals", "more") }
      names.append(try reader.text("principal", limit: textLimit))
    }
    return names
  }

  /// Certificate type names to the type of the key inside.
  private static let plainTypes: [String: String] = {
    let types = Set(SSHSignatureAlgorithm.allCases.map(\.keyTypeName))
    return Dictionary(types.map { (SSHKeyAlgorithm.certificateName($0), $0) }) { first, _ in first }
  }()

  /// Whether the authority's key made the signature, with SHA-2 or Ed25519: SHA-1 is not among our algorithms.
  package var hasValidSignature: Bool {
    var reader = MessageReader(ByteBuffer(bytes: signature), "signature")
    guard let name = try? reader.text("algorithm", limit: SSHLimits().nameLength),
      let algorithm = SSHSignatureAlgorithm(rawValue: name), algorithm != .webAuthnECDSA
    else { return false }
    return authority.verify(
      signatureBlob: signature, over: Array(blob.prefix(signedCount)), algorithm: algorithm)
  }

  package func isValid(at second: UInt64) -> Bool { second >= validAfter && second < validBefore }

  /// The algorithms under which this certificate may be offered, preferred first.
  package var algorithms: [SSHKeyAlgorithm] {
    key.signatureAlgorithms.filter { $0 != .webAuthnECDSA }.map { SSHKeyAlgorithm.certified($0) }
  }

  package static func == (left: SSHCertificate, right: SSHCertificate) -> Bool { left.blob == right.blob }
}

extension SSHCertificate {
  /// One line of a `-cert.pub` file.
  package init(line: String) throws(SSHError) {
    let fields = line.split(separator: " ", maxSplits: 2).map(String.init)
    guard fields.count >= 2, let blob = Base64.decodeLenient(fields[1]) else {
      throw .malformed("certificate file", expected: "a line with type and base64", got: "\(fields.count) fields")
    }
    try self.init(blob: blob)
    guard typeName == fields[0] else {
      throw .malformed(
        "certificate file", expected: "type \(typeName) as in the base64",
        got: fields[0].printable(limit: 64))
    }
  }
}
