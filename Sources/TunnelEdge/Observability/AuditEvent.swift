import HTTPProxy
import Identity
import Policy
import SSHServer
import Store

extension AuditLog {
  /// What is recorded. Nothing in it may be a token, a cookie, a code or a key that opens anything.
  package enum Event: Sendable {
    case signInStarted(ProvedLogin)
    case signInApproved(ProvedLogin, Subject)
    case signInDenied(ProvedLogin)
    case signInExpired(ProvedLogin)
    /// The client left, or its place went to somebody else.
    case signInAbandoned(ProvedLogin)
    case newSource(ProvedLogin, Subject, approvedFrom: String)
    case serviceAccountAdmitted(ProvedLogin, Subject)
    case serviceAccountRefused(ProvedLogin, reason: String)
    case identity(IdentityEvent, AskingRequest?)
    case visit(RefusedVisit)
    case tunnel(TunnelEvent)
    case gate(GateEvent)
    case store(StoreEvent)
    case configurationApplied(path: String, routes: Int)
    case configurationRefused(path: String, errors: Int)
  }
}

/// The `event` of a line. The table in docs/operations.md names each of them with its fields.
enum AuditEventName: String, Sendable, Hashable, CaseIterable {
  case signInStarted = "sign-in started"
  case signInApproved = "sign-in approved"
  case signInDenied = "sign-in denied"
  case signInExpired = "sign-in expired"
  case signInAbandoned = "sign-in abandoned"
  case newSource = "key used from a new address"
  case serviceAccountSignedIn = "service account signed in"
  case serviceAccountRefused = "service account refused"
  case browserSignInStarted = "browser sign-in started"
  case browserSignInFailed = "browser sign-in failed"
  case signedIn = "signed in"
  case signedOutOfBrowser = "signed out of a browser"
  case sessionEnded = "session ended"
  case grantRevoked = "provider token revoked"
  case grantNotRevoked = "provider token not revoked"
  case claimsChanged = "claims changed"
  case keyBound = "key bound"
  case keyRevoked = "key revoked"
  case keyEnded = "key ended"
  case keyDenied = "key denied"
  case tokenGranted = "token granted"
  case tokenEnded = "token ended"
  case workloadKeyBound = "workload key bound"
  case workloadKeyEnded = "workload key ended"
  case workloadKeyRefused = "workload key refused"
  case workloadVisit = "workload token accepted"
  case workloadVisitRefused = "workload token refused"
  case visitRefused = "visit refused"
  case visitEnded = "visit ended"
  case tunnelOpened = "tunnel opened"
  case tunnelAttached = "tunnel attached"
  case tunnelDetached = "tunnel detached"
  case tunnelClosed = "tunnel closed"
  case forwardRefused = "forward refused"
  case sourcePenalised = "ssh source penalised"
  case storeFailing = "store failing"
  case storeClosed = "store closed to sign-ins"
  case storeLost = "store lost"
  case storeRecovered = "store recovered"
  case configurationApplied = "configuration applied"
  case configurationRefused = "configuration refused"
  case linesSuppressed = "lines suppressed"
  case linesDropped = "lines dropped"
}
