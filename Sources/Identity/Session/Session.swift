import Policy

/// One sign-in: who it is, and until when.
///
/// `id` names the session in logs, in the assertion's `sid` and in the store. It opens nothing: the browser holds a
/// handle of which the id is a hash.
package struct Session: Sendable, Hashable, Identifiable {
  package var id: String
  package var subject: Subject
  /// The value of `idp_provider` it came through.
  package var provider: String
  package var issuedAt: UnixTime
  package var expiresAt: UnixTime
  /// When the person last proved who they are.
  package var authenticatedAt: UnixTime
  /// The client of a route that it was signed in with; nil: the edge's own (`Route.http.signInClient` is alike).
  package var client: String?
  /// Grows whenever the subject changes.
  package var version: Int
  /// Where the person signed in, for their own page; unknown in records of old.
  package var browser: SessionBrowser?

  package init(
    id: String, subject: Subject, provider: String, issuedAt: UnixTime, expiresAt: UnixTime,
    authenticatedAt: UnixTime, client: String? = nil, version: Int = 1, browser: SessionBrowser? = nil
  ) {
    self.id = id
    self.subject = subject
    self.provider = provider
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.authenticatedAt = authenticatedAt
    self.client = client
    self.version = version
    self.browser = browser
  }
}

/// The browser that a session was begun with, as it called itself.
package struct SessionBrowser: Sendable, Hashable {
  /// Without a port.
  package let address: String
  /// `User-Agent`, cut.
  package let agent: String

  package init(address: String, agent: String) {
    self.address = String(address.prefix(Self.longest))
    self.agent = String(agent.prefix(Self.longest))
  }

  private static let longest = 256
}

/// A session as its person sees it beside their others.
package struct ListedSession: Sendable {
  package let session: Session
  /// False after "this browser only": it goes on for ssh keys.
  package let acceptsCookies: Bool
}

/// What observers are told about sessions and keys.
package enum SessionChange: Sendable, Hashable {
  /// Signed out, expired, or ended by the provider: everything it admitted must end.
  case ended(sessionID: String)
  /// Its subject is another now: decide again.
  case changed(sessionID: String)
  /// Its cookies are refused from now on; its ssh keys go on ("this browser only", security rule 21).
  case browserEnded(sessionID: String)
  /// A key may not be used any more, or stands for another session: its connections are looked at again.
  case bindingRevoked(fingerprint: String, sessionID: String)
  /// A program's token may not be used any more: what it was shown for must end.
  case tokenRevoked(tokenID: String, sessionID: String)
}
