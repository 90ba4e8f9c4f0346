import PlainText

/// What went wrong on an SSH connection: nearly always the peer's mistake, with what was expected and what came.
package struct SSHError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The identification line is no SSH 2 line, or is over a limit.
    case identification
    /// A packet's length, padding or payload is impossible.
    case framing
    /// A packet failed its integrity check.
    case integrity
    /// The two sides share no algorithm, or one that policy requires is missing.
    case negotiation
    /// The key exchange itself failed: a degenerate value, a wrong signature, a wrong host key.
    case keyExchange
    /// A message that is not legal now.
    case outOfPhase
    /// A message that does not parse.
    case malformed
    /// A named bound was passed.
    case limit
    /// Authentication cannot go on.
    case authentication
    /// A channel rule was broken: unknown number, window, order.
    case channel
    /// The peer took too long.
    case timedOut
    /// The cryptography library failed: ours, not the peer's.
    case cryptography
  }

  package let kind: Kind
  package let reason: DisconnectReason
  /// One ASCII sentence for the peer; goes into DISCONNECT.
  package let text: String
  /// For our log: what was expected, what came. Contains no peer text that was not made printable.
  package let diagnostic: String

  package init(kind: Kind, reason: DisconnectReason, text: String, diagnostic: String) {
    self.kind = kind
    self.reason = reason
    self.text = text
    self.diagnostic = diagnostic
  }

  package var description: String { "\(kind): \(diagnostic)" }
}

extension SSHError {
  package static func malformed(_ message: String, expected: String, got: String) -> SSHError {
    SSHError(
      kind: .malformed, reason: .protocolError, text: "Malformed \(message) message.",
      diagnostic: "\(message): expected \(expected), got \(got)")
  }

  package static func outOfPhase(expected: String, got number: UInt8) -> SSHError {
    SSHError(
      kind: .outOfPhase, reason: .protocolError, text: "Message \(number) is not allowed now.",
      diagnostic: "expected \(expected), got message \(number)")
  }

  package static func framing(expected: String, got: String) -> SSHError {
    SSHError(
      kind: .framing, reason: .protocolError, text: "Bad packet.", diagnostic: "expected \(expected), got \(got)")
  }

  package static func identification(expected: String, got: String) -> SSHError {
    SSHError(
      kind: .identification, reason: .protocolVersionNotSupported, text: "Invalid SSH identification string.",
      diagnostic: "expected \(expected), got \(got)")
  }

  package static func negotiation(_ what: String, theirs: [String], ours: [String]) -> SSHError {
    let their = SSHError.shortened(theirs)
    let our = SSHError.shortened(ours)
    return SSHError(
      kind: .negotiation, reason: .keyExchangeFailed, text: "No matching \(what). Yours: \(their). Ours: \(our).",
      diagnostic: "expected a common \(what) out of \(our), got \(their)")
  }

  package static func keyExchange(expected: String, got: String) -> SSHError {
    SSHError(
      kind: .keyExchange, reason: .keyExchangeFailed, text: "Key exchange failed.",
      diagnostic: "expected \(expected), got \(got)")
  }

  package static func limit(_ what: String, bound: Int, reason: DisconnectReason = .byApplication) -> SSHError {
    SSHError(
      kind: .limit, reason: reason, text: "Too many or too large: \(what).",
      diagnostic: "expected at most \(bound) of \(what), got more")
  }

  package static func certificate(_ refusal: CertificateRefusal) -> SSHError {
    SSHError(
      kind: .authentication, reason: .noMoreAuthenticationMethods,
      text: "Your certificate is not accepted: \(refusal.reason).",
      diagnostic: "expected a certificate that holds until the sign-in ends, got one of which \(refusal.reason)")
  }

  package static func channel(_ text: String, expected: String, got: String) -> SSHError {
    SSHError(
      kind: .channel, reason: .protocolError, text: text, diagnostic: "\(text) expected \(expected), got \(got)")
  }

  package static func timedOut(_ what: String) -> SSHError {
    SSHError(
      kind: .timedOut, reason: .byApplication, text: "Timed out: \(what).",
      diagnostic: "expected \(what) in time, got nothing")
  }

  package static func cryptography(_ what: String, _ cause: String) -> SSHError {
    SSHError(
      kind: .cryptography, reason: .keyExchangeFailed, text: "Internal error.",
      diagnostic: "expected \(what) to succeed, got \(cause)")
  }

  static let integrity = SSHError(
    kind: .integrity, reason: .macError, text: "Corrupted packet.",
    diagnostic: "expected a packet with a right integrity code, got another")

  /// Peer names, printable and short enough for a sentence.
  private static func shortened(_ names: [String]) -> String {
    var shown: [String] = []
    var room = 90
    for name in names {
      let text = name.printable(limit: 40)
      room -= text.utf8.count + 1
      guard room >= 0 else { return (shown + ["..."]).joined(separator: ",") }
      shown.append(text)
    }
    return shown.isEmpty ? "(none)" : shown.joined(separator: ",")
  }
}
