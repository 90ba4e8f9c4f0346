import HTTPWire
import Identity
import Routing

/// Signing in with a browser, on the authenticate host.
extension OwnPages {
  /// `/.pomerium/sign_in`: from a route host with a signed request, from an ssh prompt with a code, or by hand.
  func signIn(_ visitor: Visitor) async -> OwnResponse {
    if visitor.query.contains(where: { $0.0 == "user_code" }) {
      guard let written = visitor.parameter("user_code") else {
        return refusal(.badRequest("The address names a code more than once."), visitor.request, session: nil)
      }
      let code = SignInCode.pasted(written)
      return visitor.request.method == .post ? await decide(code, visitor) : await verifyPage(code, visitor)
    }
    guard visitor.request.method == .get else { return refusal(.methodNotAllowed, visitor.request, session: nil) }
    guard visitor.request.query?.isEmpty == false else {
      return visitor.session == nil
        ? await signInFirst(visitor, thenTo: "/.pomerium/") : .redirect(authenticateURL("/.pomerium/"))
    }
    let request: SignInRequest
    do throws(IdentityError) {
      request = try identity.verifySignInRequest(query: visitor.query)
    } catch {
      return requestRefused(error, visitor)
    }
    // Signed by us, but the route may be gone since: nobody is sent, and no session given, to a name that is not served.
    guard let host = HostName(request.host), routes.current().servesHost(host) else {
      return message(
        visitor.request, status: 400, error: "unknown_return_address", title: "Signing in did not work",
        text: "The page you came from, \(request.host), is not served here any more.")
    }
    let asking = visitor.of(client: client(ofPage: request.returnURL), self)
    guard let session = asking.session else { return await begin(.request(request), asking) }
    return handOver(session, request, visitor.request)
  }

  /// `/oauth2/callback`: back from the provider.
  func finishSignIn(_ visitor: Visitor) async -> OwnResponse {
    guard visitor.request.method == .get else { return refusal(.methodNotAllowed, visitor.request, session: nil) }
    let finish: SignInFinish
    do throws(IdentityError) {
      finish = try await identity.finishSignIn(
        query: visitor.query, cookies: RequestCookies(visitor.request.headers).pairs,
        browser: SessionBrowser(
          address: visitor.request.remoteAddress, agent: visitor.request.headers.first("user-agent") ?? ""),
        source: visitor.request.remoteAddress)
    } catch {
      return signInFailed(error, visitor)
    }
    var response =
      switch finish.returnTo {
      case .path(let path):
        OwnResponse.redirect(isReturnable(path) ? authenticateURL(path) : authenticateURL("/.pomerium/"))
      case .request(let request): handOver(finish.session, request, visitor.request)
      }
    forgetChoice(visitor.request, in: &response)
    let name = sessionCookieName(of: finish.session.client)
    if let cookie = sessionCookie(finish.session, host: visitor.request.host, name: name) {
      response.headers.add("Set-Cookie", cookie)
    }
    response.headers.add("Set-Cookie", EdgeCookie.expire(finish.clearCookie))
    return response
  }

  /// Sends the browser back to its route host with a code that works once, there, with its nonce (security rule 16).
  private func handOver(_ session: Session, _ signIn: SignInRequest, _ request: OwnRequest) -> OwnResponse {
    do throws(IdentityError) {
      let url = try identity.callbackURL(session: session, request: signIn)
      let attempt = HandOverNonce.attempt(nonceHash: signIn.nonceHash)
      return .redirect(url + "&attempt=" + QueryString.percentEncode(attempt))
    } catch {
      return failure(error, request)
    }
  }
}
