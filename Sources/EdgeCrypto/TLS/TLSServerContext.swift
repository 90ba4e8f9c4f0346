internal import COpenSSL

/// What a TLS listener presents and asks for: certificates chosen by server name, protocols, client certificates. An immutable
/// snapshot; a reload makes a new one, and connections keep the one they began with.
package final class TLSServerContext: Sendable {
  /// What is asked of clients for a certificate.
  package struct Clients: Sendable {
    package let verifier: ClientCertificateVerifier
    /// Whether a connection without a good one fails; else it is for the application to say.
    package let isRequired: Bool

    package init(verifier: ClientCertificateVerifier, isRequired: Bool) {
      self.verifier = verifier
      self.isRequired = isRequired
    }
  }

  package let identities: [TLSIdentity]
  package let alpn: [String]
  package let clients: Clients?
  let ticketKeys: TicketKeys
  let contexts: [ContextHandle]
  /// For each context its identities: one of each kind of key.
  private let groups: [[TLSIdentity]]
  private let alpnNames: [[UInt8]]
  private let exact: [String: Int]
  private let wildcards: [String: Int]
  private let unknownIndex: Int

  /// The first identity answers clients that name nobody. `unknown` answers for names that no other covers; without it the
  /// first does. Identities for the same name with keys of different kinds serve together: what the client can verify decides.
  package init(
    identities: [TLSIdentity], unknown: TLSIdentity? = nil, alpn: [String] = [], minimum: TLSVersion = .v1_2,
    clients: Clients? = nil, ticketKeys: TicketKeys = TicketKeys()
  ) throws(CryptoError) {
    guard let first = identities.first else {
      throw CryptoError(.certificate, "A TLS listener needs a certificate.")
    }
    self.identities = identities
    self.alpn = alpn
    self.clients = clients
    self.ticketKeys = ticketKeys
    _ = try ContextHandle.wire(alpn)
    alpnNames = alpn.map { Array($0.utf8) }
    var grouping = IdentityGroups(identities)
    _ = grouping.index(of: grouping.members(like: first))
    var exact: [String: Int] = [:]
    var wildcards: [String: Int] = [:]
    for (name, members) in grouping.byName {
      let index = grouping.index(of: members)
      if name.hasPrefix("*.") { wildcards[String(name.dropFirst(2))] = index } else { exact[name] = index }
    }
    self.exact = exact
    self.wildcards = wildcards
    var groups = grouping.groups.map { $0.map { identities[$0] } }
    if let unknown {
      unknownIndex = groups.count
      groups.append([unknown])
    } else {
      unknownIndex = 0
    }
    self.groups = groups
    var contexts: [ContextHandle] = []
    for group in groups {
      let context = try ContextHandle(server: true, minimum: minimum)
      for identity in group { try context.use(identity) }
      if let clients { try context.ask(clients) }
      contexts.append(context)
    }
    self.contexts = contexts
    for context in contexts {
      // The engine of a connection holds this object, so it outlives every callback.
      let me = unsafe Unmanaged.passUnretained(self).toOpaque()
      unsafe SSL_CTX_set_client_hello_cb(context.pointer, clientHelloArrived, me)
      if !alpn.isEmpty { unsafe SSL_CTX_set_alpn_select_cb(context.pointer, chooseProtocol, me) }
      unsafe te_ctx_set_status_callback(context.pointer, stapleWanted, me)
      if clients != nil { unsafe SSL_CTX_set_cert_verify_callback(context.pointer, clientCertificateArrived, me) }
    }
    // OpenSSL asks the context that a connection began with about tickets, whatever certificate was chosen.
    if let base = contexts.first {
      unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(base.pointer, ticketKeyAsked)
      if clients != nil { unsafe SSL_CTX_set_session_ticket_cb(base.pointer, ticketIsMade, nil, nil) }
    }
  }

  /// Which context answers for a name (lower case): the name itself, else the wildcard in place of its first label.
  func contextIndex(for name: String?) -> Int {
    guard let name else { return 0 }
    if let index = exact[name] { return index }
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return unknownIndex }
    return wildcards[String(name[name.index(after: dot)...])] ?? unknownIndex
  }

  /// The one that answers for a name; of a pair the first.
  package func identity(for name: String?) -> TLSIdentity {
    groups[contextIndex(for: name?.lowercased())].first ?? identities[0]
  }

  /// What sessions are bound to (security rule 27), which OpenSSL does not do for TLS 1.3: the name asked for, and the rules
  /// for certificates of clients.
  func sessionBinding(for name: String?) -> [UInt8] {
    var text = Array("TunnelEdge TLS session\0\(name ?? "")\0".utf8)
    if let clients { text += clients.verifier.digest + [clients.isRequired ? 1 : 0] }
    return Digest.sha256(text)
  }

  /// The staple of the certificate that a connection shows, while it is good.
  func staple(for certificate: OpaquePointer, at now: Int64) -> OCSPStaple? {
    for group in groups {
      for identity in group where identity.staple != nil {
        if let own = identity.handles.first, unsafe X509_cmp(own.pointer, certificate) == 0 {
          return identity.staple.flatMap { $0.isGood(at: now) ? $0 : nil }
        }
      }
    }
    return nil
  }

  /// The position in the client's list (a length byte before each name) of the protocol we like best.
  func preferredProtocol(in list: [UInt8]) -> Range<Int>? {
    for wanted in alpnNames {
      var index = 0
      while index < list.count {
        let end = index + 1 + Int(list[index])
        guard end <= list.count else { return nil }
        if Array(list[(index + 1)..<end]) == wanted { return (index + 1)..<end }
        index = end
      }
    }
    return nil
  }

  /// The host name in the server_name extension (RFC 6066 section 3), in lower case; nil when it holds none that could be one.
  static func hostName(inExtension bytes: [UInt8]) -> String? {
    guard bytes.count > 5, Int(bytes[0]) << 8 | Int(bytes[1]) == bytes.count - 2, bytes[2] == 0 else { return nil }
    let count = Int(bytes[3]) << 8 | Int(bytes[4])
    guard count >= 1, count <= 255, count == bytes.count - 5 else { return nil }
    let name = bytes[5...]
    guard name.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
    return String(decoding: name, as: UTF8.self).lowercased()
  }
}

extension TLSServerContext {
  /// Whether a client can resume with a ticket the way we do it, which is with a new key exchange: psk_key_exchange_modes names
  /// psk_dhe_ke (RFC 8446 section 4.2.9). Clients that keep no sessions often do not send the extension.
  static func takesTickets(kexModes bytes: [UInt8]) -> Bool {
    guard let count = bytes.first, Int(count) == bytes.count - 1 else { return false }
    return bytes.dropFirst().contains(1)
  }
}

/// Called before anything else is decided about a connection: picks the certificate, and binds sessions and tickets to the
/// server name (security rule 27), which OpenSSL does not do for TLS 1.3.
private func clientHelloArrived(
  _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let ssl = unsafe ssl, let argument = unsafe argument else { return SSL_CLIENT_HELLO_ERROR }
  let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
  var bytes: UnsafePointer<UInt8>?
  var count = 0
  var name: String?
  if unsafe SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &bytes, &count) == 1 {
    name = unsafe TLSServerContext.hostName(inExtension: Array(UnsafeBufferPointer(start: bytes, count: count)))
  }
  let index = context.contextIndex(for: name)
  if index != 0 { _ = unsafe SSL_set_SSL_CTX(ssl, context.contexts[index].pointer) }
  let binding = context.sessionBinding(for: name)
  guard unsafe SSL_set_session_id_context(ssl, binding, UInt32(binding.count)) == 1 else {
    return SSL_CLIENT_HELLO_ERROR
  }
  var takesTickets = false
  if unsafe SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_psk_kex_modes), &bytes, &count) == 1 {
    takesTickets = unsafe TLSServerContext.takesTickets(
      kexModes: Array(UnsafeBufferPointer(start: bytes, count: count)))
  }
  if let engine = unsafe SSL_get_ex_data(ssl, 0) {
    unsafe Unmanaged<TLSEngine>.fromOpaque(engine).takeUnretainedValue().helloArrived(name, takesTickets: takesTickets)
  }
  return SSL_CLIENT_HELLO_SUCCESS
}

/// RFC 7301 section 3.2: our order decides; no protocol in common ends the handshake, so that nobody's bytes are read as
/// another protocol's.
private func chooseProtocol(
  _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
  _ chosenLength: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredLength: UInt32,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let argument = unsafe argument, let offered = unsafe offered, let chosen = unsafe chosen,
    let chosenLength = unsafe chosenLength
  else { return SSL_TLSEXT_ERR_ALERT_FATAL }
  let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
  let list = unsafe Array(UnsafeBufferPointer(start: offered, count: Int(offeredLength)))
  guard let range = context.preferredProtocol(in: list) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
  unsafe chosen.pointee = unsafe offered + range.lowerBound
  unsafe chosenLength.pointee = UInt8(range.count)
  return SSL_TLSEXT_ERR_OK
}
