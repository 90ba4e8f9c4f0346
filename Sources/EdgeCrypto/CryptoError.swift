internal import COpenSSL

/// What went wrong in a cryptographic operation, in words for the log of the person who can repair it.
package struct CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// Bytes or text that are not what they should be.
    case malformed
    /// A well-formed thing of a kind we do not use.
    case unsupported
    /// A private key file that needs a passphrase.
    case encryptedKey
    /// A key below our minimum strength.
    case weakKey
    /// Two halves that do not belong together.
    case keyMismatch
    /// A tag that does not verify.
    case authenticationFailed
    /// A key exchange whose result an attacker could know.
    case degenerate
    case certificate
    /// OpenSSL refused; the message carries its reason.
    case library
  }

  package let kind: Kind
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }

  /// An error of OpenSSL's, with its reason; empties the queue.
  static func library(_ what: String, _ kind: Kind = .library) -> CryptoError {
    let reason = ErrorQueue.drain()
    return CryptoError(kind, reason.isEmpty ? what : "\(what): \(reason)")
  }
}

/// OpenSSL's error queue of this thread: cleared before a call whose failure will be looked at, drained after a failure.
enum ErrorQueue {
  static func clear() { ERR_clear_error() }

  /// The reasons in the queue, oldest first.
  static func drain() -> String {
    var reasons: [String] = []
    while true {
      let code = ERR_get_error()
      if code == 0 { break }
      guard let text = unsafe ERR_reason_error_string(code) else { continue }
      let reason = unsafe String(cString: text)
      if reasons.count < 3, !reasons.contains(reason) { reasons.append(reason) }
    }
    return reasons.joined(separator: "; ")
  }
}

/// Demands success (1) of an OpenSSL call.
@inline(__always)
func check(_ result: Int32, _ what: @autoclosure () -> String) throws(CryptoError) {
  guard result == 1 else { throw .library(what()) }
}
