internal import COpenSSL

/// Why a TLS connection failed.
package struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// No agreement, or a handshake message that is wrong.
    case handshake
    /// The peer's certificate was refused.
    case certificate
    /// A record that does not decrypt, or is not one.
    case record
    /// The peer gave up and said why.
    case alertFromPeer
    /// The peer speaks plain HTTP.
    case plaintextHTTP
    /// The connection ended without close_notify: what was received may be incomplete.
    case truncated
  }

  package let kind: Kind
  /// OpenSSL's words.
  package let reason: String

  package init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  package var description: String {
    switch kind {
    case .handshake: "TLS handshake failed: \(reason)"
    case .certificate: "TLS certificate refused: \(reason)"
    case .record: "TLS record refused: \(reason)"
    case .alertFromPeer: "The peer ended TLS: \(reason)"
    case .plaintextHTTP: "The peer speaks plain HTTP where TLS is expected"
    case .truncated: "The TLS connection was cut off: \(reason)"
    }
  }

  /// SSL_AD_REASON_OFFSET: alerts of the peer are reasons above this.
  private static let alertReasons = 1000

  /// Looks at the first entry of OpenSSL's queue and empties it.
  static func drainingQueue(duringHandshake: Bool) -> TLSError {
    let code = ERR_peek_error()
    let isTLS = te_error_library(code) == ERR_LIB_SSL
    let number = Int(te_error_reason(code))
    let text = ErrorQueue.drain()
    let reason = text.isEmpty ? "no reason given" : text
    if isTLS, number > alertReasons { return TLSError(.alertFromPeer, reason) }
    if isTLS, number == Int(SSL_R_HTTP_REQUEST) { return TLSError(.plaintextHTTP, reason) }
    return TLSError(duringHandshake ? .handshake : .record, reason)
  }
}
