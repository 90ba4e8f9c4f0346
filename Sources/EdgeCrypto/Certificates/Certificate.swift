internal import COpenSSL

/// An X.509 certificate, read.
package struct Certificate: Sendable, Equatable {
  package let der: [UInt8]
  /// Of the subject alternative names, in lower case.
  package let dnsNames: [String]
  package let ipAddresses: [String]
  /// As they are written.
  package let emailAddresses: [String]
  package let uris: [String]
  /// RFC 2253 form.
  package let subject: String
  package let issuer: String
  /// Seconds since 1970.
  package let notBefore: Int64
  package let notAfter: Int64
  package let isCA: Bool
  package let isSelfSigned: Bool
  /// Nil for kinds of key that are not used here.
  package let publicKey: PublicKey?
  package let spkiSHA256: [UInt8]

  package init(der: [UInt8]) throws(CryptoError) {
    try self.init(X509Handle(der: der))
  }

  init(_ handle: X509Handle) throws(CryptoError) {
    der = handle.der
    let names = handle.alternativeNames
    dnsNames = names.dns
    ipAddresses = names.ip
    emailAddresses = names.email
    uris = names.uri
    subject = unsafe X509Handle.text(X509_get_subject_name(handle.pointer))
    issuer = unsafe X509Handle.text(X509_get_issuer_name(handle.pointer))
    notBefore = unsafe te_unix_time(X509_get0_notBefore(handle.pointer))
    notAfter = unsafe te_unix_time(X509_get0_notAfter(handle.pointer))
    isCA = unsafe X509_check_ca(handle.pointer) == 1
    isSelfSigned = unsafe X509_self_signed(handle.pointer, 0) == 1
    publicKey = handle.publicKey
    spkiSHA256 = Digest.sha256(handle.spki)
    ErrorQueue.clear()
  }

  /// Every certificate of a PEM text, in order. At least one, at most 32.
  package static func chain(pem: String) throws(CryptoError) -> [Certificate] {
    let certificates = try roots(pem: pem)
    guard certificates.count <= 32 else { throw CryptoError(.certificate, "A chain has at most 32 certificates.") }
    return certificates
  }

  /// The same for a file of trusted certificates, which may be long.
  static func roots(pem: String) throws(CryptoError) -> [Certificate] {
    let blocks = PEMBlock.all(in: pem).filter { $0.label == "CERTIFICATE" || $0.label == "X509 CERTIFICATE" }
    guard !blocks.isEmpty else { throw CryptoError(.certificate, "There is no certificate in PEM form in this text.") }
    var certificates: [Certificate] = []
    for block in blocks { certificates.append(try Certificate(der: block.bytes)) }
    return certificates
  }

  package func pem() -> String { PEMBlock(label: "CERTIFICATE", bytes: der).text }

  /// Whether a name of the certificate is this host: the same name, or a wildcard in place of its first label.
  package func covers(_ host: String) -> Bool {
    let host = host.lowercased()
    if dnsNames.contains(host) || ipAddresses.contains(host) { return true }
    guard let dot = host.firstIndex(of: "."), dot != host.startIndex else { return false }
    return dnsNames.contains("*" + host[dot...])
  }
}

/// Owns an `X509`.
///
/// `@unchecked Sendable`: a certificate is not changed after it was read or signed.
@safe final class X509Handle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  init(der: [UInt8]) throws(CryptoError) {
    ErrorQueue.clear()
    let read = unsafe der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      guard let certificate = unsafe d2i_X509(nil, &cursor, buffer.count) else { return nil }
      guard let start = buffer.baseAddress, unsafe cursor == start + buffer.count else {
        unsafe X509_free(certificate)
        return nil
      }
      return unsafe certificate
    }
    guard let read = unsafe read else { throw .library("this is no X.509 certificate", .certificate) }
    unsafe pointer = read
  }

  deinit { unsafe X509_free(pointer) }

  var der: [UInt8] { unsafe Self.der(of: pointer) }

  static func der(of pointer: OpaquePointer) -> [UInt8] {
    let count = unsafe i2d_X509(pointer, nil)
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      var cursor = buffer.baseAddress
      _ = unsafe i2d_X509(pointer, &cursor)
    }
    return bytes
  }

  var spki: [UInt8] {
    guard let key = unsafe X509_get_X509_PUBKEY(pointer) else { return [] }
    let count = unsafe i2d_X509_PUBKEY(key, nil)
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      var cursor = buffer.baseAddress
      _ = unsafe i2d_X509_PUBKEY(key, &cursor)
    }
    return bytes
  }

  var publicKey: PublicKey? {
    guard let key = unsafe X509_get_pubkey(pointer) else { return nil }
    return try? PublicKey(handle: unsafe KeyHandle(key))
  }

  var alternativeNames: AlternativeNames {
    var found = AlternativeNames()
    guard let raw = unsafe X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return found }
    let names = OpaquePointer(raw)
    defer { unsafe te_general_names_free(names) }
    for index in 0..<max(0, unsafe te_general_name_count(names)) {
      var kind: Int32 = 0
      var count: Int32 = 0
      guard let name = unsafe te_general_name(names, index),
        let bytes = unsafe te_general_name_bytes(name, &kind, &count), count >= 0
      else { continue }
      found.add(kind, unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
    }
    return found
  }

  static func text(_ name: OpaquePointer?) -> String {
    guard let name = unsafe name, let memory = try? MemoryBIO([]) else { return "" }
    guard unsafe X509_NAME_print_ex(memory.pointer, name, 0, te_name_flags()) >= 0 else { return "" }
    return memory.text
  }
}

/// What a certificate is for, by kind (RFC 5280 section 4.2.1.6).
struct AlternativeNames {
  private(set) var dns: [String] = []
  private(set) var ip: [String] = []
  private(set) var email: [String] = []
  private(set) var uri: [String] = []

  mutating func add(_ kind: Int32, _ content: [UInt8]) {
    if kind == GEN_IPADD {
      if let text = IPText.text(content) { ip.append(text) }
      return
    }
    // A NUL or a non-ASCII byte inside a name is an old way to look like another name.
    guard content.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return }
    let text = String(decoding: content, as: UTF8.self)
    switch kind {
    case GEN_DNS: dns.append(text.lowercased())
    case GEN_EMAIL: email.append(text)
    case GEN_URI: uri.append(text)
    default: break
    }
  }
}

/// IP addresses in the fields of certificates.
enum IPText {
  static func text(_ bytes: [UInt8]) -> String? {
    if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
    guard bytes.count == 16 else { return nil }
    let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
    // RFC 5952: the longest run of two or more zero groups is left out.
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    func hex(_ range: Range<Int>) -> String { range.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
    return best.isEmpty ? hex(0..<8) : hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
  }

  /// Whether the text is an address rather than a name.
  static func isAddress(_ text: String) -> Bool {
    guard let parsed = unsafe a2i_IPADDRESS(text) else {
      ErrorQueue.clear()
      return false
    }
    unsafe ASN1_OCTET_STRING_free(parsed)
    return true
  }
}
