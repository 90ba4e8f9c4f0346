import HTTPWire
import Identity
import Routing

/// `depends_on`: one sign-in gives several hosts their cookies. The browser goes from host to host and to the authenticate host
/// in between, because each cookie is set by its own host and only for a browser that host has given a nonce (security rule
/// 16). Hosts come from the configuration; where it ends is where it began.
extension OwnPages {
  /// The other hosts that a sign-in at this route visits; those that nobody serves are left out, and those that sign in with
  /// another client: this sign-in is none for them.
  func journey(from request: OwnRequest) -> SignInJourney? {
    guard case .route(let route) = request.place, !route.dependsOn.isEmpty else { return nil }
    let own = origin(of: request)
    var stops: [String] = []
    for written in route.dependsOn {
      let address = written.contains(":") || request.port == nil ? written : "\(written):\(request.port ?? 443)"
      guard let (origin, _, _) = servedAddress("https://" + address), origin != own, !stops.contains(origin),
        client(ofPage: origin + "/") == route.http.signInClient
      else { continue }
      stops.append(origin)
    }
    return stops.isEmpty ? nil : SignInJourney(stops: Array(stops.prefix(SignInJourney.mostStops)))
  }

  /// `/.pomerium/sign_in?onward=…`: the browser comes from a host that depends on this one. `nil`: it does not.
  func journeyGoesOn(_ request: OwnRequest) -> OwnResponse? {
    let codes = QueryString.parse(request.query ?? "").filter { $0.0 == "onward" }
    guard let code = codes.first?.1 else { return nil }
    let front = origin(of: request) + "/"
    // Used, too old, or somebody else's: this host's own front page.
    guard codes.count == 1, let journey = identity.redeemStop(code: code, host: request.host) else {
      return .redirect(front)
    }
    if case .value(let cookie) = RequestCookies(request.headers)[identity.cookieName],
      let session = identity.session(cookie: cookie, host: request.host), identity.mayGoOn(journey, with: session)
    {
      return .redirect(goOn(journey, session, from: front))
    }
    return startHandOver(request, returnURL: front, journey: journey)
  }

  /// The address of the next host, or where it ends: a page of a host that is served, else this one's.
  func goOn(_ journey: SignInJourney, _ session: Session, from own: String) -> String {
    if let stop = identity.nextStop(of: journey, session, end: own), servedAddress(stop.origin) != nil {
      return "\(stop.origin)/.pomerium/sign_in?onward=\(QueryString.percentEncode(stop.code))"
    }
    guard let end = journey.end, let (origin, _, target) = servedAddress(end) else { return own }
    return origin + target
  }
}
