import HTTPWire
import Identity
import Logging
import PlainText

/// Signing out at the provider, too, and what the provider tells of those who signed out there.
extension OwnPages {
  static let providerSignOutPath = "/.pomerium/provider_sign_out"

  /// For minutes, what the provider wants to hear of the session that has ended.
  func providerSignOutCookie(_ code: String) -> String {
    EdgeCookie.set(signedOutCookie, code, maxAge: Identity.providerSignOutLifetime)
  }

  /// Their provider may still know them, and sign them in without asking.
  func providerSignOutLink() async -> HTML {
    guard await identity.hasProviderSignOut else { return "" }
    return """
      <p class="small after">Your identity provider, \(identity.providerName), may still remember you: \
      <a href="\(url: Self.providerSignOutPath)">sign out there, too</a>.</p>

      """
  }

  /// To the provider's own sign-out (OpenID Connect RP-Initiated Logout 1.0). What it is told of the person is in no page of
  /// ours; the code for it is good once, in the browser that signed out.
  func providerSignOut(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    // Whoever is still signed in here signs out here first.
    guard visitor.session == nil else { return .redirect(authenticateURL("/.pomerium/sign_out")) }
    var code: String?
    if case .value(let value) = RequestCookies(request.headers)[signedOutCookie] { code = value }
    let back = configuration.signedOutURL ?? authenticateURL("/.pomerium/signed_out")
    guard let url = await identity.providerSignOutURL(code: code, returnTo: back) else {
      return .redirect(authenticateURL("/.pomerium/signed_out"))
    }
    var response = OwnResponse.redirect(url)
    response.headers.add("Set-Cookie", EdgeCookie.expire(signedOutCookie))
    return response
  }

  private var signedOutCookie: String { identity.cookieName + "_signed_out" }

  /// A page of the provider loads this in a frame when somebody signs out there (OpenID Connect Front-Channel Logout 1.0).
  ///
  /// No cookie is looked at: browsers send none in frames of other sites, and where one came it would prove nothing. Whoever
  /// can name issuer and session may end that session, with everything that hangs on it, and nothing else; the provider's
  /// name for a session is nothing that others can guess, or it is not accepted (`Identity.frontChannelLogout`).
  func frontChannelLogout(_ visitor: Visitor) async -> OwnResponse {
    guard let issuer = visitor.parameter("iss"), let session = visitor.parameter("sid") else {
      return Self.logoutRefused("one iss and one sid were expected")
    }
    do throws(IdentityError) {
      try await identity.frontChannelLogout(issuer: issuer, providerSession: session)
      return .text("", status: 200)
    } catch {
      if identity.logoutWarnings.admit() {
        logger.warning(
          "front-channel logout refused",
          metadata: ["request-id": "\(visitor.request.requestID)", "reason": "\(error.diagnostics.printable())"])
      }
      return Self.logoutRefused(error.message)
    }
  }

  /// Providers were told `/.pomerium/sign_out` by others before us; with these parameters it is that provider who asks.
  func isFrontChannelLogout(_ visitor: Visitor) -> Bool {
    visitor.parameter("iss") != nil && visitor.parameter("sid") != nil
  }

  /// The provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0, section 2.5). No browser and no
  /// cookie: the token's signature is what counts.
  func backChannelLogout(_ request: OwnRequest) async -> OwnResponse {
    let fields = QueryString.parse(String(decoding: request.body, as: UTF8.self)).filter { $0.0 == "logout_token" }
    guard fields.count == 1, let token = fields.first?.1 else {
      return Self.logoutRefused("one logout_token was expected")
    }
    do throws(IdentityError) {
      try await identity.backChannelLogout(token)
      return .text("", status: 200)
    } catch {
      if identity.logoutWarnings.admit() {
        logger.warning(
          "back-channel logout refused",
          metadata: ["request-id": "\(request.requestID)", "reason": "\(error.diagnostics.printable())"])
      }
      return Self.logoutRefused(error.message)
    }
  }

  private static func logoutRefused(_ why: String) -> OwnResponse {
    .json(.object([("error", .string("invalid_request")), ("error_description", .string(why))]), status: 400)
  }
}
