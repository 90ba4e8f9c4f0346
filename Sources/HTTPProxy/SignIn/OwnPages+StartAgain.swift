import HTTPWire
import Identity
import PlainText

/// Pages about a sign-in that did not work lead back to where it began.
extension OwnPages {
  /// Back from the provider, in vain.
  func signInFailed(_ error: IdentityError, _ visitor: Visitor) -> OwnResponse {
    let cookies = RequestCookies(visitor.request.headers).pairs
    let goal = identity.attemptedReturn(query: visitor.query, cookies: cookies).flatMap(goal)
    guard visitor.session != nil, Self.mayHaveBeenDone(error) else {
      return failure(error, visitor.request, more: Self.actions(goal ?? Self.account, label: "Start again"))
    }
    // The back button, a page loaded twice, a second tab: the person is in already.
    return message(
      visitor.request, status: error.status, error: "already_signed_in", title: "You are signed in already",
      text: "This step of signing in was done before, took too long, or began in another browser. Nothing is lost.",
      more: Self.actions(goal ?? Self.account, label: goal == nil ? "Your account" : "Go on"))
  }

  /// A route host sent the browser here, with a request that is too old or not ours.
  func requestRefused(_ error: IdentityError, _ visitor: Visitor) -> OwnResponse {
    let goal = visitor.parameter("pomerium_redirect_uri").flatMap(routeGoal)
    return failure(error, visitor.request, more: Self.actions(goal ?? Self.account, label: "Start again"))
  }

  private static let account = "/.pomerium/"

  private static func mayHaveBeenDone(_ error: IdentityError) -> Bool {
    switch error.kind {
    case .badRequest, .expired, .wrongBrowser: true
    default: false
    }
  }

  private static func actions(_ address: String, label: HTML) -> HTML {
    "<div class=\"actions\"><a class=\"button primary\" href=\"\(url: address)\">\(label)</a></div>\n"
  }

  private func goal(_ begun: SignInReturn) -> String? {
    switch begun {
    case .path(let path): isReturnable(path) ? path : nil
    case .request(let request): routeGoal(request.returnURL)
    }
  }

  /// Through the route host's own sign-in, which gives the browser a nonce of its own; only to hosts that are served.
  private func routeGoal(_ url: String) -> String? {
    servedAddress(url).map { address in
      "\(address.origin)/.pomerium/sign_in?pomerium_redirect_uri=\(QueryString.percentEncode(address.target))"
    }
  }
}
