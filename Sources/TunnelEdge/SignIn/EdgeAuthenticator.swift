import Identity
import Logging
import Policy
import SSHServer
import Synchronization

/// Answers the SSH server from Identity: who holds a proved key, and what they must still do.
package final class EdgeAuthenticator: Authenticator {
  private let identity: Identity
  private let audit: AuditLog
  /// SHA256 fingerprints of the edge's own host keys, shown on the verify page.
  private let hostKeyFingerprints: Mutex<[String]>

  package init(identity: Identity, audit: AuditLog, hostKeyFingerprints: [String]) {
    self.identity = identity
    self.audit = audit
    self.hostKeyFingerprints = Mutex(hostKeyFingerprints)
  }

  package func replace(hostKeyFingerprints fresh: [String]) {
    hostKeyFingerprints.withLock { $0 = fresh }
  }

  package func admit(_ login: ProvedLogin) async -> LoginAnswer {
    guard login.route == nil else {
      return .refused(
        "Logging in to hosts through the edge is not served yet; connect without a route to publish with ssh -R.")
    }
    let request = SSHSignInRequest(
      keyFingerprint: login.fingerprint, keyType: login.keyType, keyBlob: login.keyBlob, scope: .edge,
      sourceAddress: login.sourceAddress, clientVersion: login.clientVersion, username: login.username,
      hostKeyFingerprints: hostKeyFingerprints.withLock { $0 })
    switch identity.logIn(request) {
    case .bound(let session, let binding, let isNewSource):
      var banner: [String] = []
      if isNewSource {
        banner.append("This key was approved from \(binding.sourceAddress); it now comes from \(login.sourceAddress).")
        audit.record(.newSource(login, session.subject, approvedFrom: binding.sourceAddress))
      }
      return .accepted(session.subject, banner: banner)
    case .signIn:
      do {
        let signIn = try identity.beginSSHSignIn(request)
        audit.record(.signInStarted(login))
        return .signIn(WaitingSignIn(signIn, login: login, audit: audit))
      } catch {
        return .refused(error.message)
      }
    }
  }

  /// A key that was revoked, and perhaps bound anew by somebody else, ends the connections it opened.
  package func subject(sessionID: String, key fingerprint: String) -> Subject? {
    guard let session = identity.session(id: sessionID),
      let binding = identity.keyBinding(fingerprint: fingerprint, scope: .edge),
      let holder = identity.session(id: binding.sessionID), holder.subject.isSamePerson(as: session.subject)
    else { return nil }
    return session.subject
  }

  package func logout(sessionID: String) async { await identity.signOut(sessionID: sessionID) }
}
