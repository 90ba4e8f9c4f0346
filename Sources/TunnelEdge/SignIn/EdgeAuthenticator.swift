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
  private let serviceAccounts: Mutex<ServiceAccounts>
  private let clock: UnixClock
  private let isStoreLost = Atomic<Bool>(false)

  package init(
    identity: Identity, audit: AuditLog, hostKeyFingerprints: [String], serviceAccounts: ServiceAccounts,
    clock: @escaping UnixClock
  ) {
    self.identity = identity
    self.audit = audit
    self.hostKeyFingerprints = Mutex(hostKeyFingerprints)
    self.serviceAccounts = Mutex(serviceAccounts)
    self.clock = clock
  }

  package func replace(hostKeyFingerprints fresh: [String], serviceAccounts accounts: ServiceAccounts) {
    hostKeyFingerprints.withLock { $0 = fresh }
    serviceAccounts.withLock { $0 = accounts }
  }

  /// Nobody can say whose session has been ended elsewhere (security rule 30): who comes is turned away, who is here stays. Accounts
  /// that the configuration lists by their keys need no store.
  package func setStoreLost(_ isLost: Bool) { isStoreLost.store(isLost, ordering: .relaxed) }

  package func admit(_ login: ProvedLogin) async -> LoginAnswer {
    guard login.route == nil else {
      return .refused(
        "Logging in to hosts through the edge is not served yet; connect without a route to publish with ssh -R.")
    }
    let listed = listedAccount(login.key)
    if listed == .notOne, isStoreLost.load(ordering: .relaxed) {
      return .refused("This edge cannot read at the moment who is signed in. Connect again in a minute.")
    }
    switch listed == .notOne ? job(login.key) : listed {
    case .notOne: break
    case .admitted(let subject):
      audit.record(.serviceAccountAdmitted(login, subject))
      return .accepted(subject, banner: [])
    case .refused(let why):
      // Never a link: nobody may bind such a key to themselves.
      audit.record(.serviceAccountRefused(login, reason: why))
      return .refused(why)
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
  package func subject(sessionID: String, key: ProvedKey) -> Subject? {
    let answer = serviceAccount(key)
    if ServiceAccounts.isSession(sessionID) {
      guard case .admitted(let subject) = answer, subject.sessionID == sessionID else { return nil }
      return subject
    }
    // A key that was given to a service account meanwhile is nobody's any more.
    guard answer == .notOne else { return nil }
    guard let session = identity.session(id: sessionID),
      let binding = identity.keyBinding(fingerprint: key.fingerprint, scope: .edge),
      let holder = identity.session(id: binding.sessionID), holder.subject.isSamePerson(as: session.subject)
    else { return nil }
    return session.subject
  }

  /// The account that a key speaks for: because it is listed, because of its certificate, or because a job showed a token.
  private func serviceAccount(_ key: ProvedKey) -> ServiceAccounts.Answer {
    let answer = listedAccount(key)
    return answer == .notOne ? job(key) : answer
  }

  /// By the configuration alone.
  private func listedAccount(_ key: ProvedKey) -> ServiceAccounts.Answer {
    let accounts = serviceAccounts.withLock { $0 }
    return accounts.admit(key: key.blob, certificate: key.certificate, source: key.sourceAddress, at: clock())
  }

  /// By a token that was shown, which the store remembers.
  private func job(_ key: ProvedKey) -> ServiceAccounts.Answer {
    identity.workloads.admit(fingerprint: key.fingerprint, source: key.sourceAddress)
  }

  /// A service account's own reason; people have none but their session.
  package func reasonForEnd(sessionID: String, key: ProvedKey) -> String? {
    guard ServiceAccounts.isSession(sessionID) else { return nil }
    switch serviceAccount(key) {
    case .refused(let why): return why
    case .admitted: return "The key belongs to another service account now."
    case .notOne: return "The key belongs to no service account any more."
    }
  }

  /// A service account has no session to end: it is what its key is.
  package func logout(sessionID: String) async {
    guard !ServiceAccounts.isSession(sessionID) else { return }
    await identity.signOut(sessionID: sessionID)
  }
}
