import EdgeCrypto
import Synchronization

/// Carrying a session from the authenticate host to a route host (security rule 16).
extension Identity {
  /// For the `__Host-` nonce cookie of a route host.
  package func makeNonce() -> String { Base64.encodeURL(random(16)) }

  /// Where a route host sends a visitor who is not signed in.
  package func signInURL(returnURL: String, nonce: String, journey: SignInJourney? = nil) -> String {
    let settings = settings
    let base = "\(settings.configuration.authenticateURL)/.pomerium/sign_in"
    guard
      let request = SignInRequest(
        returnURL: SignInRequest.shortened(returnURL), nonceHash: SignInRequest.hash(nonce: nonce),
        journey: journey)
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
    let journey = entry.journey.flatMap { $0.mayGoOn(with: session) ? $0 : nil }
    return HandOver(session: session, returnURL: entry.returnURL, journey: journey)
  }

  /// The next host of a journey; `nil` where none is left, or too many are under way. `end`: where it ends, if the journey
  /// does not say so yet.
  package func nextStop(of journey: SignInJourney, _ session: Session, end: String) -> SignInStop? {
    guard let origin = journey.stops.first, let host = WebURL(origin)?.host,
      let rest = SignInJourney(
        stops: Array(journey.stops.dropFirst()), end: journey.end ?? end,
        sessionMark: SignInJourney.mark(of: session.id))
    else { return nil }
    let now = clock()
    let code = journeys.withLock { $0.issue(rest, for: host, sessionID: session.id, now: now, random: random) }
    return code.map { SignInStop(origin: origin, code: $0) }
  }

  /// Takes the code on the host it is for: what is left of the journey then.
  package func redeemStop(code: String, host: String) -> SignInJourney? {
    let now = clock()
    guard code.utf8.count <= 64 else { return nil }
    return journeys.withLock { $0.redeem(code, host: host, now: now) }?.journey
  }

  /// Whether the journey was begun with this session.
  package func mayGoOn(_ journey: SignInJourney, with session: Session) -> Bool { journey.mayGoOn(with: session) }
}
