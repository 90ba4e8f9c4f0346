import Policy

/// The seam to Identity and Policy: SSHServer asks, the composition root answers. Calls come from event loops and from
/// tasks; `subject(sessionID:key:)` is called on event loops and must answer at once.
package protocol Authenticator: Sendable {
  /// The key's signature over this connection was verified: who is it, or what must they still do?
  func admit(_ login: ProvedLogin) async -> LoginAnswer
  /// The person behind a live session as they are now; `nil` when it has ended, or when this key speaks for them no more.
  func subject(sessionID: String, key: ProvedKey) -> Subject?
  /// Why there is no subject any more; `nil`: nothing more can be said than that the session has ended.
  func reasonForEnd(sessionID: String, key: ProvedKey) -> String?
  func logout(sessionID: String) async
}

extension Authenticator {
  package func reasonForEnd(sessionID: String, key: ProvedKey) -> String? { nil }
}

/// What a connection was let in with.
package struct ProvedKey: Sendable {
  package var blob: [UInt8]
  package var fingerprint: String
  /// What it came in.
  package var certificate: SSHCertificateShown?
  package var sourceAddress: String

  package init(blob: [UInt8], fingerprint: String, certificate: SSHCertificateShown?, sourceAddress: String) {
    self.blob = blob
    self.fingerprint = fingerprint
    self.certificate = certificate
    self.sourceAddress = sourceAddress
  }
}

/// A key whose signature was verified, never one only offered (security rule 8).
package struct ProvedLogin: Sendable {
  /// What stands before the last `@`.
  package var username: String
  /// What stands after it: the host somebody wants; `nil` means the edge itself.
  package var route: String?
  package var keyBlob: [UInt8]
  package var fingerprint: String
  package var keyType: String
  /// What the key came in.
  package var certificate: SSHCertificateShown?
  package var sourceAddress: String
  package var sourcePort: Int
  /// The client's identification line, printable.
  package var clientVersion: String
  package var connectionID: String

  package init(
    username: String, route: String?, keyBlob: [UInt8], fingerprint: String, keyType: String,
    certificate: SSHCertificateShown? = nil, sourceAddress: String, sourcePort: Int, clientVersion: String,
    connectionID: String
  ) {
    self.username = username
    self.route = route
    self.keyBlob = keyBlob
    self.fingerprint = fingerprint
    self.keyType = keyType
    self.certificate = certificate
    self.sourceAddress = sourceAddress
    self.sourcePort = sourcePort
    self.clientVersion = clientVersion
    self.connectionID = connectionID
  }
}

extension ProvedLogin {
  package var key: ProvedKey {
    ProvedKey(blob: keyBlob, fingerprint: fingerprint, certificate: certificate, sourceAddress: sourceAddress)
  }
}

package enum LoginAnswer: Sendable {
  /// In. The lines are shown after ours, three in all.
  case accepted(Subject, banner: [String])
  case signIn(any PendingSignIn)
  /// Disconnected with this text.
  case refused(String)
}

/// A sign-in that waits for the browser.
package protocol PendingSignIn: AnyObject, Sendable {
  /// `Please sign in with <provider> to continue`.
  var prompt: String { get }
  /// The URL between blanks.
  var instruction: String { get }
  func outcome() async -> SignInOutcome
  /// What was typed after `confirmInTerminal` (security rule 10).
  func confirm(digits: String) async -> SignInConfirmation
  /// The connection that waited is gone.
  func hangUp()
}

package enum SignInOutcome: Sendable {
  case approved(Subject, banner: [String])
  /// Authorized in the browser, which shows digits that must be typed here (security rule 10). The prompt asks for them;
  /// `outcome()` is asked again meanwhile, because another connection of the same key may be quicker.
  case confirmInTerminal(prompt: String)
  /// Disconnected with this text.
  case failed(String)
}

package enum SignInConfirmation: Sendable {
  case approved(Subject, banner: [String])
  case wrong(triesLeft: Int)
  /// Disconnected with this text.
  case failed(String)
}
