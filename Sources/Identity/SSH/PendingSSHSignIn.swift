import Policy

/// A waiting ssh login as the verify page shows it (security rule 10).
package struct PendingSSHSignIn: Sendable, Hashable {
  package var code: String
  package var scope: BindingScope
  package var keyFingerprint: String
  package var keyType: String
  /// When the key was first approved here; nil: it never was.
  package var keyFirstSeen: UnixTime?
  /// Who used it last, for display.
  package var keyLastUser: String?
  /// Who that is (`KnownKey.owner(of:)`).
  var keyOwner: String?
  package var sourceAddress: String
  package var clientVersion: String
  package var username: String
  package var hostKeyFingerprints: [String]
  package var createdAt: UnixTime
  package var expiresAt: UnixTime
  /// The session that opened the page first.
  package var openedBy: String?
  /// After Authorize, where digits must be typed at the ssh prompt.
  package var digits: String?

  /// Worth a loud warning: the browser is not where the ssh client is.
  package func addressDiffers(from browserAddress: String) -> Bool {
    !SourceAddress(sourceAddress).isSameClient(as: SourceAddress(browserAddress))
  }

  /// Since when the key has been this person's; nil: they never approved it. What somebody else approved counts for nothing:
  /// it would let a stranger's key pass for one that is known.
  package func keyKnownSince(to session: Session) -> UnixTime? {
    keyOwner == KnownKey.owner(of: session.subject) ? keyFirstSeen : nil
  }

  /// Whoever used the key last, if that was somebody else.
  package func keyUsedByAnother(than session: Session) -> String? {
    keyOwner == KnownKey.owner(of: session.subject) ? nil : keyLastUser
  }

  /// Only the session that opened it first.
  package func mayApprove(_ session: Session) -> Bool { openedBy == session.id }
}

/// What Authorize led to.
package enum SSHApproval: Sendable, Hashable {
  case granted(KeyBinding)
  /// The page shows these digits; the person types them at the ssh prompt.
  case confirmInTerminal(digits: String)
}
