import EdgeCrypto
import Synchronization

/// Carrying a session from the authenticate host to a route host (security rule 16).
extension Identity {
  /// For the `__Host-` nonce cookie of a route host.
  package func makeNonce() -> String { Base64.encodeURL(random(16)) }

  /// Where a route host sends a visitor who is not signed in.
  package func signInURL(returnURL: String, nonce: String) -> String {
    let settings = settings
    let base = "\(settings.configuration.authenticateURL)/.pomerium/sign_in"
    guard
      let request = SignInRequest(
        returnURL: SignInRequest.shortened(returnURL), nonceHash: SignInRequest.hash(nonce: nonce))
    else { return base }
    return base + "?" + QueryString.encode(request.query(now: clock(), key: settings.keys.signInRequest))
  }

  package func verifySignInRequest(query: [(String, String)]) throws(IdentityError) -> SignInRequest {
    try SignInRequest(query: query, now: clock(), key: settings.keys.signInRequest)
  }

  /// Where the browser takes its code. The caller has made sure that the request's host is a route's.
  package func callbackURL(session: Session, request: SignInRequest) throws(IdentityError) -> String {
    let now = clock()
    guard let url = WebURL(request.returnURL), sessions.handle(of: session.id, at: now) != nil else {
      throw IdentityError(.expired, "This session has ended. Please sign in again.")
    }
    let code = handOvers.withLock { $0.issue(request, sessionID: session.id, now: now, random: random) }
    guard let code else {
      throw IdentityError(.tooMany, "Too many people are signing in at this moment. Please try again.")
    }
    return "\(url.origin)/.pomerium/callback/?code=\(code)"
  }

  /// Takes a code on the route host: once, within a minute, with the nonce cookie of the browser that asked.
  package func redeem(code: String, host: String, nonce: String) -> HandOver? {
    let now = clock()
    guard code.utf8.count <= 64, nonce.utf8.count <= 64,
      let entry = handOvers.withLock({ $0.redeem(code, host: host, nonce: nonce, now: now) }),
      let session = sessions.session(entry.sessionID, at: now)
    else { return nil }
    return HandOver(session: session, returnURL: entry.returnURL)
  }
}
