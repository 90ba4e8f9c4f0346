internal import COpenSSL

/// A certificate authority of one's own, for demonstrations and tests on one machine.
package final class CertificateAuthority: Sendable {
  /// Above this, some clients refuse a leaf whoever signed it.
  package static let maximumLeafDays = 825
  private static let secondsPerDay: Int64 = 86_400

  package let certificatePEM: String
  package let privateKeyPEM: String
  package let certificate: Certificate
  private let handle: X509Handle
  private let key: PrivateKey

  package init(certificatePEM: String, privateKeyPEM: String) throws(CryptoError) {
    guard let certificate = try Certificate.chain(pem: certificatePEM).first else {
      throw CryptoError(.certificate, "There is no certificate in PEM form in this text.")
    }
    key = try PrivateKey(text: privateKeyPEM)
    guard certificate.isCA, certificate.publicKey == key.publicKey else {
      throw CryptoError(.keyMismatch, "This is no certificate authority together with its own key.")
    }
    self.certificate = certificate
    handle = try X509Handle(der: certificate.der)
    self.certificatePEM = certificatePEM
    self.privateKeyPEM = privateKeyPEM
  }

  /// Makes a new authority (P-256).
  package static func make(commonName: String, days: Int = 3650, now: Int64) throws(CryptoError) -> CertificateAuthority
  {
    let key = try PrivateKey.generate(.ecdsa(.p256))
    let extensions: [(Int32, String)] = [
      (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
      (NID_subject_key_identifier, "hash"),
    ]
    let certificate = try sign(
      commonName, key.publicKey, days: days, now: now, extensions: extensions, issuer: nil, with: key)
    return try CertificateAuthority(
      certificatePEM: try Certificate(certificate).pem(), privateKeyPEM: try key.pkcs8PEM())
  }

  /// A server certificate and its key; the names are DNS names, `*.` wildcards or IP addresses.
  package func issue(
    names: [String], days: Int = 397, now: Int64
  ) throws(CryptoError) -> (certificateChainPEM: String, privateKeyPEM: String) {
    guard let first = names.first, (1...Self.maximumLeafDays).contains(days) else {
      throw CryptoError(
        .certificate, "A certificate has at least one name and lasts 1 to \(Self.maximumLeafDays) days.")
    }
    var alternatives: [String] = []
    for name in names {
      if IPText.isAddress(name) {
        alternatives.append("IP:\(name)")
      } else {
        guard Self.isDNSName(name) else { throw CryptoError(.certificate, "\"\(name)\" is no DNS name.") }
        alternatives.append("DNS:\(name.lowercased())")
      }
    }
    let leafKey = try PrivateKey.generate(.ecdsa(.p256))
    let extensions: [(Int32, String)] = [
      (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
      (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
      (NID_authority_key_identifier, "keyid"), (NID_subject_alt_name, alternatives.joined(separator: ",")),
    ]
    let leaf = try Self.sign(
      String(first.prefix(64)), leafKey.publicKey, days: days, now: now, extensions: extensions, issuer: handle,
      with: key)
    return (try Certificate(leaf).pem() + certificate.pem(), try leafKey.pkcs8PEM())
  }

  /// What a listener shows for names that none of its certificates is for: no browser trusts it, and it names nobody.
  package static func catchAll(now: Int64) throws(CryptoError) -> TLSIdentity {
    let key = try PrivateKey.generate(.ecdsa(.p256))
    let certificate = try sign(
      "*", key.publicKey, days: maximumLeafDays, now: now,
      extensions: [
        (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
        (NID_ext_key_usage, "serverAuth"), (NID_subject_alt_name, "DNS:*"),
      ], issuer: nil, with: key)
    return try TLSIdentity(
      certificateChainPEM: try Certificate(certificate).pem(), privateKeyPEM: try key.pkcs8PEM())
  }

  private static func isDNSName(_ name: String) -> Bool {
    let bare = name.hasPrefix("*.") ? name.dropFirst(2) : name[...]
    return !bare.isEmpty && bare.utf8.count <= 253
      && bare.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        !label.isEmpty && label.utf8.count <= 63
          && label.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
          }
      }
  }

  private static func sign(
    _ commonName: String, _ subjectKey: PublicKey, days: Int, now: Int64, extensions: [(Int32, String)],
    issuer: X509Handle?, with key: PrivateKey
  ) throws(CryptoError) -> X509Handle {
    ErrorQueue.clear()
    guard let pointer = unsafe X509_new() else { throw .library("no memory") }
    let certificate = unsafe X509Handle(pointer)
    var serial = SecureRandom.bytes(16)
    serial[0] = serial[0] & 0x7f | 0x40
    let number = try BigNumber(bytes: serial)
    let name = unsafe X509_get_subject_name(pointer)
    let text = Array(commonName.utf8)
    // An hour's grace for clocks that are behind.
    let begin = now - 3600
    let end = begin + Int64(days) * secondsPerDay
    guard unsafe X509_set_version(pointer, 2) == 1,
      unsafe BN_to_ASN1_INTEGER(number.pointer, X509_get_serialNumber(pointer)) != nil,
      unsafe X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, text, Int32(text.count), -1, 0) == 1,
      unsafe X509_set_issuer_name(pointer, issuer.map { unsafe X509_get_subject_name($0.pointer) } ?? name) == 1,
      unsafe ASN1_TIME_set(X509_getm_notBefore(pointer), time_t(begin)) != nil,
      unsafe ASN1_TIME_set(X509_getm_notAfter(pointer), time_t(end)) != nil,
      unsafe X509_set_pubkey(pointer, subjectKey.handle.pointer) == 1
    else { throw .library("cannot make the certificate", .certificate) }
    var context = unsafe X509V3_CTX()
    unsafe X509V3_set_ctx(&context, issuer?.pointer ?? pointer, pointer, nil, nil, 0)
    for (kind, value) in extensions {
      guard let entry = unsafe X509V3_EXT_conf_nid(nil, &context, kind, value) else {
        throw .library("cannot make the certificate", .certificate)
      }
      defer { unsafe X509_EXTENSION_free(entry) }
      try check(unsafe X509_add_ext(pointer, entry, -1), "cannot make the certificate")
    }
    guard unsafe X509_sign(pointer, key.handle.pointer, FetchedDigest.sha256.pointer) > 0 else {
      throw .library("cannot sign the certificate", .certificate)
    }
    return certificate
  }
}
