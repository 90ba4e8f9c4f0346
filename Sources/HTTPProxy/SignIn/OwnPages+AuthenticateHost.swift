import HTTPWire
import Identity
import Policy
import Routing

/// The authenticate host is ours alone: what is not one of these is not there.
extension OwnPages {
  func respondOnAuthenticateHost(_ request: OwnRequest) async -> OwnResponse {
    // Security rule 17: two session cookies, and nobody can say which of them is ours.
    let visitor: Visitor
    switch RequestCookies(request.headers)[identity.cookieName] {
    case .ambiguous:
      return refusal(.badRequest("The request carries two cookies of the same name."), request, session: nil)
    case .absent: visitor = Visitor(request: request, session: nil)
    case .value(let value):
      let session = identity.session(cookie: value, host: request.host)
      visitor = Visitor(request: request, session: session.flatMap { $0.client == nil ? $0 : nil })
    }
    let isPost = request.method == .post
    guard isPost || request.method == .get || request.method == .head else {
      return refusal(.methodNotAllowed, request, session: nil)
    }
    switch (request.path, isPost) {
    case ("/", false): return .redirect(authenticateURL("/.pomerium/"))
    case ("/.pomerium", false): return .redirect(authenticateURL("/.pomerium/"))
    case ("/.pomerium/", false), ("/.pomerium/user", false): return await details(visitor)
    case ("/.pomerium/sign_in", _): return await signIn(visitor)
    case ("/oauth2/callback", false): return await finishSignIn(visitor)
    case ("/.pomerium/sign_out", false):
      return isFrontChannelLogout(visitor) ? await frontChannelLogout(visitor) : await signOutPage(forSignOut(visitor))
    case ("/.pomerium/sign_out", true): return await signOut(forSignOut(visitor))
    case ("/.pomerium/signed_out", false): return await signedOutPage(visitor)
    case (Self.providerSignOutPath, false): return await providerSignOut(visitor)
    case ("/.pomerium/backchannel_logout", true): return await backChannelLogout(request)
    case ("/.pomerium/frontchannel_logout", false): return await frontChannelLogout(visitor)
    case (Self.accessPath, false): return await accessPage(visitor)
    case (Self.revokeKeyPath, true): return await revokeKey(visitor)
    case (Self.endSessionPath, true): return await endSession(visitor)
    case (Self.endConnectionPath, true): return await endConnection(visitor)
    case (Self.revokeTokenPath, true): return await revokeToken(visitor)
    case (Identity.programLoginPath, false): return await programLoginPage(forProgram(visitor))
    case (Identity.programLoginPath, true): return await answerProgramLogin(forProgram(visitor))
    case (Self.programTokenPath, true): return redeemProgramCode(request)
    case (Self.programLogoutPath, true): return await revokeProgramToken(request)
    case (Self.workloadKeyPath, true): return await bindWorkloadKey(request)
    case ("/robots.txt", false): return .text("User-agent: *\nDisallow: /\n")
    case ("/ping", false), ("/healthz", false): return .text("OK\n")
    case ("/readyz", false):
      let note = configuration.readinessNote()
      return configuration.isReady() ? .text("OK\n" + note) : .text("not ready\n" + note, status: 503)
    default:
      if !isPost, let answer = wellKnown(request) { return answer }
      return refusal(Self.paths.contains(request.path) ? .methodNotAllowed : .noSuchPath, request, session: nil)
    }
  }

  private static let paths: Set<String> = [
    "/", "/.pomerium", "/.pomerium/", "/.pomerium/user", "/oauth2/callback", "/.pomerium/signed_out",
    "/.pomerium/backchannel_logout",
    providerSignOutPath, "/.pomerium/frontchannel_logout", accessPath, revokeKeyPath, endSessionPath, endConnectionPath,
    revokeTokenPath, "/robots.txt", "/ping", "/healthz",
    programTokenPath, programLogoutPath, workloadKeyPath,
    "/readyz",
  ]

  /// Nobody is signed in and somebody must be: off to the provider for people, 401 for programs.
  func signInFirst(_ visitor: Visitor, thenTo path: String) async -> OwnResponse {
    guard RequestAudience(visitor.request) == .navigation else {
      return signInNeeded(visitor.request, at: authenticateURL(path))
    }
    return await begin(.path(path), visitor)
  }

  /// Sends the browser to the provider; a cookie binds what comes back to it.
  func begin(_ returnTo: SignInReturn, _ visitor: Visitor) async -> OwnResponse {
    do throws(IdentityError) {
      let start = try await identity.beginSignIn(
        returnTo: returnTo, cookies: RequestCookies(visitor.request.headers).pairs, client: visitor.client,
        choosesAccount: choosesAccount(visitor.request))
      var response = OwnResponse.redirect(start.redirect)
      response.headers.add(
        "Set-Cookie", EdgeCookie.set(start.cookie.name, start.cookie.value, maxAge: start.cookie.maxAge))
      for name in start.clearCookies { response.headers.add("Set-Cookie", EdgeCookie.expire(name)) }
      return response
    } catch {
      return failure(error, visitor.request)
    }
  }

  /// The cookie that makes this browser the session's, on the host it is asked for.
  func sessionCookie(_ session: Session, host: String, name: String? = nil) -> String? {
    identity.cookieValue(for: session, host: host).map {
      EdgeCookie.set(name ?? identity.cookieName, $0, maxAge: session.expiresAt.seconds - clock().seconds)
    }
  }
}

/// A request on the authenticate host, and who sent it.
struct Visitor: Sendable {
  var request: OwnRequest
  var session: Session?
  /// Whom they sign in with, if they must; nil: the edge's own client.
  var client: String?

  /// The query's pairs, decoded.
  var query: [(String, String)] { QueryString.parse(request.query ?? "") }

  /// The only value of a query parameter.
  func parameter(_ name: String) -> String? {
    let values = query.filter { $0.0 == name }
    return values.count == 1 ? values.first?.1 : nil
  }
}
