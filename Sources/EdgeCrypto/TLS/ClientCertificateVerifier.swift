internal import COpenSSL

/// Which certificates of clients are good: the authorities, what these have revoked, and what else is asked of them.
///
/// A snapshot; a reload makes a new one. Connections keep the certificates and are judged again by the new one.
package final class ClientCertificateVerifier: Sendable {
  package enum Verdict: Sendable, Equatable {
    /// Good until then (seconds since 1970), unless a revocation list is out of date before.
    case valid(until: Int64)
    /// OpenSSL's words, or ours.
    case invalid(String)
  }

  /// A pattern that one of the alternative names of this kind must match.
  package struct NameRule: Sendable {
    package enum Kind: Sendable { case dns, email, ip, uri }

    var kind: Kind
    var matches: @Sendable (String) -> Bool

    package init(_ kind: Kind, matches: @escaping @Sendable (String) -> Bool) {
      self.kind = kind
      self.matches = matches
    }
  }

  /// How many trusted authorities clients are told of, at most.
  static let announcedAuthorities = 32
  /// Longest chain of a client that is read, in bytes; with a longer one the handshake fails.
  package static let longestChain = 32 << 10

  package let authorities: [Certificate]
  /// When the first revocation list is out of date; nil without lists, or when none says.
  package let listsEnd: Int64?
  /// The same for the same authorities, lists and rules: sessions begun under others are not resumed.
  let digest: [UInt8]
  private let store: StoreHandle
  private let nameRules: [NameRule]
  /// Authorities above a certificate, the trusted one among them; 0 is any number.
  private let maximumDepth: Int

  /// `identifier` stands for the name rules in the digest.
  package init(
    authorities pem: String, revocations: String? = nil, nameRules: [NameRule] = [], identifier: String = "",
    maximumDepth: Int = 1
  ) throws(CryptoError) {
    authorities = try Certificate.roots(pem: pem)
    self.nameRules = nameRules
    self.maximumDepth = maximumDepth
    let lists = PEMBlock.all(in: revocations ?? "").filter { $0.label == "X509 CRL" }
    if revocations != nil, lists.isEmpty {
      throw CryptoError(.certificate, "There is no revocation list in PEM form in this text.")
    }
    store = try StoreHandle(checksRevocation: !lists.isEmpty)
    for authority in authorities { try store.trust(authority) }
    var end: Int64?
    for list in lists {
      let next = try store.add(list)
      if next > 0 { end = min(end ?? next, next) }
    }
    listsEnd = end
    var all = Array("\(maximumDepth) \(identifier)\0".utf8)
    for part in authorities.map(\.der) + lists.map(\.bytes) { all += Digest.sha256(part) }
    digest = Digest.sha256(all)
  }

  package func verify(_ peer: PeerCertificates, at now: Int64) -> Verdict { judge(peer, at: now).verdict }

  /// The verdict with OpenSSL's number for it, which becomes the alert.
  func judge(_ peer: PeerCertificates, at now: Int64) -> (verdict: Verdict, code: Int32) {
    ErrorQueue.clear()
    defer { ErrorQueue.clear() }
    guard let context = unsafe X509_STORE_CTX_new(), let others = unsafe te_x509_list_new() else {
      return (.invalid("out of memory"), X509_V_ERR_OUT_OF_MEM)
    }
    defer {
      unsafe X509_STORE_CTX_free(context)
      unsafe te_x509_list_free(others)
    }
    for certificate in peer.intermediates { _ = unsafe te_x509_list_add(others, certificate.pointer) }
    guard unsafe X509_STORE_CTX_init(context, store.pointer, peer.leaf.pointer, others) == 1,
      unsafe X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1
    else { return (.invalid("out of memory"), X509_V_ERR_OUT_OF_MEM) }
    unsafe X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), time_t(now))
    // 112 bits, as for the certificates of services.
    unsafe X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), 2)
    guard unsafe X509_verify_cert(context) == 1 else {
      let code = unsafe X509_STORE_CTX_get_error(context)
      let text = unsafe X509_verify_cert_error_string(Int(code)).map { unsafe String(cString: $0) }
      return (.invalid(text ?? "error \(code)"), code)
    }
    let chain = unsafe X509_STORE_CTX_get0_chain(context)
    let count = unsafe te_x509_count(chain)
    if maximumDepth > 0, Int(count) - 1 > maximumDepth {
      return (
        .invalid("\(Int(count) - 1) authorities above it, \(maximumDepth) are allowed"), X509_V_ERR_CERT_CHAIN_TOO_LONG
      )
    }
    guard namesSuffice(peer.leaf.alternativeNames) else {
      return (.invalid("none of its alternative names is allowed"), X509_V_ERR_APPLICATION_VERIFICATION)
    }
    var until = listsEnd ?? .max
    for index in 0..<count {
      let end = unsafe te_unix_time(X509_get0_notAfter(te_x509_at(chain, index)))
      until = min(until, end)
    }
    return (.valid(until: until), X509_V_OK)
  }

  private func namesSuffice(_ names: AlternativeNames) -> Bool {
    if nameRules.isEmpty { return true }
    return nameRules.contains { rule in
      let candidates =
        switch rule.kind {
        case .dns: names.dns
        case .email: names.email
        case .ip: names.ip
        case .uri: names.uri
        }
      return candidates.contains { rule.matches($0) }
    }
  }
}

/// Owns an `X509_STORE`.
///
/// `@unchecked Sendable`: complete before it is shared; what changes in a lookup is behind OpenSSL's lock.
@safe private final class StoreHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(checksRevocation: Bool) throws(CryptoError) {
    ErrorQueue.clear()
    guard let pointer = unsafe X509_STORE_new() else { throw .library("no memory for trusted authorities") }
    unsafe self.pointer = pointer
    unsafe te_store_set_revocation_callback(pointer)
    try check(unsafe te_store_set_flags(pointer, checksRevocation ? 1 : 0), "cannot set up the trusted authorities")
  }

  deinit { unsafe X509_STORE_free(pointer) }

  func trust(_ certificate: Certificate) throws(CryptoError) {
    let handle = try X509Handle(der: certificate.der)
    try check(unsafe X509_STORE_add_cert(pointer, handle.pointer), "cannot trust \(certificate.subject)")
  }

  /// Answers when the list is out of date; 0 when it does not say.
  func add(_ block: PEMBlock) throws(CryptoError) -> Int64 {
    ErrorQueue.clear()
    let list = unsafe block.bytes.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      return unsafe d2i_X509_CRL(nil, &cursor, buffer.count)
    }
    guard let list = unsafe list else { throw .library("this is no certificate revocation list", .certificate) }
    defer { unsafe X509_CRL_free(list) }
    try check(unsafe X509_STORE_add_crl(pointer, list), "cannot use a certificate revocation list")
    return unsafe te_unix_time(X509_CRL_get0_nextUpdate(list))
  }
}
