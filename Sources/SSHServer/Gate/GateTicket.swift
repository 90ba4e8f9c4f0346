import Policy

/// A connection's standing with the gate. Kept by the connection, changed by the gate.
struct GateTicket {
  enum Standing: Equatable {
    /// Has proved no key that counts.
    case waiting
    /// A browser is waited for; sign-ins have their own bounds.
    case signingIn
    case signedIn(Person)
    case gone
  }

  let number: UInt64
  /// Nil where sources do not count: exempt ones.
  let source: SourceBlock?
  var standing = Standing.waiting
  var hasKeys = false

  /// The gate waits to hear of its key exchange.
  var isYoung: Bool { !hasKeys && standing == .waiting }
}

/// Whose connections are counted together: as `Subject.isSamePerson`, byte for byte.
struct Person: Sendable, Hashable {
  private let bytes: [UInt8]

  init(_ subject: Subject) {
    bytes =
      Array(subject.issuer.utf8) + [0] + Array(subject.userID.utf8) + [0] + Array((subject.serviceAccount ?? "").utf8)
  }
}

/// Where a connection comes from: its peer, or whom a trusted proxy announced.
struct ConnectionSource: Sendable {
  /// As text, without the mapping of IPv4 addresses.
  let address: String
  let port: Int
  /// The proxy in between.
  var proxy: String?
}
