import HTTPWire
import Identity
import PlainText
import Routing

extension OwnPages {
  /// Nobody is signed in: navigations are sent to sign in, forms of a browser get a page with a link (a redirect would lose
  /// them), everything else a 401 in JSON.
  package func unauthenticated(_ request: OwnRequest) -> OwnResponse {
    if request.path == "/robots.txt", request.method.isSafe { return .text("User-agent: *\nDisallow: /\n") }
    if GRPCAnswer.isWanted(by: request.headers) {
      return GRPCAnswer.response(status: 401, message: "Sign in to use \(request.host).")
    }
    let returnURL = returnURL(of: request)
    switch RequestAudience(request) {
    case .navigation: return startHandOver(request, returnURL: returnURL, journey: journey(from: request))
    case .person, .program:
      // This host begins the hand-over itself, so that the nonce lands in the browser that follows the link.
      let link =
        origin(of: request) + "/.pomerium/sign_in?"
        + "pomerium_redirect_uri=" + Self.encodedTarget(of: returnURL, origin: origin(of: request))
      return signInNeeded(request, at: link)
    }
  }

  /// The 401, for people with a link and for programs with the address.
  func signInNeeded(_ request: OwnRequest, at link: String) -> OwnResponse {
    var response: OwnResponse
    if RequestAudience(request).wantsHTML {
      response = Page(
        status: 401, title: "Please sign in",
        content: """
          <p class="eyebrow">Sign in needed</p>
          <h1>Please sign in first</h1>
          <p class="lead">What you sent to <strong>\(request.host)</strong> was not passed on, because you are not signed in or your \
          session has ended.</p>
          <p>Sign in, go back, and send it again. What you typed may still be in the form behind your browser's back button.</p>
          <div class="actions"><a class="button primary" href="\(url: link)">Sign in</a></div>

          """, requestID: request.requestID
      ).response()
    } else {
      response = .json(
        .object([
          ("error", .string("unauthenticated")), ("message", .string("Sign in to use \(request.host).")),
          ("status", .integer(401)), ("request_id", .string(request.requestID)), ("sign_in_url", .string(link)),
        ]), status: 401)
      mirrorOrigin(request, into: &response)
    }
    response.headers.add("WWW-Authenticate", "Bearer realm=\"\(request.host)\"")
    return response
  }

  private static func encodedTarget(of url: String, origin: String) -> String {
    QueryString.percentEncode(String(url.dropFirst(origin.count)))
  }
}
