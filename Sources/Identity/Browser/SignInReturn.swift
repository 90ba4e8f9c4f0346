import Policy

/// Where a browser goes once somebody is signed in.
package enum SignInReturn: Sendable, Hashable {
  /// To the route host that asked.
  case request(SignInRequest)
  /// To a path (and query) of the authenticate host.
  case path(String)

  /// A path a browser reads as one of this host, and not as `//other-host`.
  static func isLocal(_ path: String) -> Bool {
    path.hasPrefix("/") && !path.hasPrefix("//") && path.utf8.count <= 2048
      && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }
  }

  var claim: ClaimValue {
    switch self {
    case .path(let path): .object(["path": .string(path)])
    case .request(let request):
      // Who has to sign in first goes on with the new session: what another one began ends here.
      .object([
        "url": .string(request.returnURL), "nonce": .string(request.nonceHash),
        "stops": .string(
          request.journey.map { $0.sessionMark == nil ? $0.stops.joined(separator: ",") : "" } ?? ""),
      ])
    }
  }

  init?(_ claim: ClaimValue) {
    if let path = claim.text("path"), Self.isLocal(path) {
      self = .path(path)
    } else if let url = claim.text("url"), let nonce = claim.text("nonce"),
      let request = SignInRequest(
        returnURL: url, nonceHash: nonce,
        journey: claim.text("stops").flatMap { stops in
          stops.isEmpty ? nil : SignInJourney(stops: stops.split(separator: ",").map(String.init))
        })
    {
      self = .request(request)
    } else {
      return nil
    }
  }
}

/// What the browser is given to start a sign-in at the provider.
package struct SignInStart: Sendable, Hashable {
  /// The provider's page.
  package var redirect: String
  /// Proves at the end that this browser started it.
  package var cookie: AttemptCookie
  /// Cookies of older attempts that should be expired now.
  package var clearCookies: [String]
}

package struct AttemptCookie: Sendable, Hashable {
  package var name: String
  package var value: String
  /// In seconds.
  package var maxAge: Int64
}

package struct SignInFinish: Sendable, Hashable {
  package var session: Session
  package var returnTo: SignInReturn
  /// The cookie that has served.
  package var clearCookie: String
}
