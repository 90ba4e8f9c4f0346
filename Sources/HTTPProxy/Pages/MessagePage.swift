import HTTPWire
import Identity
import Logging
import PlainText
import Routing

/// A page with a headline, some words and perhaps a link; JSON for programs.
extension OwnPages {
  func message(
    _ request: OwnRequest, status: Int, error: String, title: String, text: String, isBad: Bool = true, more: HTML = ""
  ) -> OwnResponse {
    guard RequestAudience(request).wantsHTML else {
      var response = OwnResponse.json(
        .object([
          ("error", .string(error)), ("message", .string(text)), ("status", .integer(Int64(status))),
          ("request_id", .string(request.requestID)),
        ]), status: status)
      mirrorOrigin(request, into: &response)
      return response
    }
    let eyebrow: HTML = isBad ? "<p class=\"eyebrow bad\">Error \(status)</p>\n" : ""
    return Page(
      status: status, title: title, content: "\(eyebrow)<h1>\(title)</h1>\n<p class=\"lead\">\(text)</p>\n\(more)",
      requestID: request.requestID, time: isBad ? clock() : nil
    ).response()
  }

  /// What went wrong with signing in: the reason for the person, the diagnostics for the log.
  func failure(_ error: IdentityError, _ request: OwnRequest, more: HTML? = nil) -> OwnResponse {
    logger.info(
      "sign-in step refused",
      metadata: [
        "request-id": "\(request.requestID)", "kind": "\(error.kind)", "reason": "\(error.diagnostics.printable())",
        "client": "\(request.remoteAddress)",
      ])
    let retries = error.status == 503
    // Going on from the account's page begins a new sign-in, or shows that one is signed in already.
    let next: HTML =
      retries && request.method.isSafe
      ? "<div class=\"actions\"><a class=\"button primary\" href=\"\">Try again</a></div>\n"
      : "<div class=\"actions\"><a class=\"button primary\" href=\"/.pomerium/\">Start again</a></div>\n"
    let help: HTML =
      error.status >= 500
      ? "<p class=\"small after\">If it stays like this, ask \(administrator), and name the request number below. Pages where you are signed in already go on working.</p>\n"
      : ""
    var response = message(
      request, status: error.status, error: Self.code(of: error), title: Self.title(of: error), text: error.message,
      more: "\(more ?? next)\(help)")
    if retries { response.headers.add("Retry-After", String(error.retryAfter ?? 10)) }
    return response
  }

  /// `alreadyDecided` as programs read it: `already_decided`.
  private static func code(of error: IdentityError) -> String {
    "\(error.kind)".reduce(into: "") { code, character in
      code += character.isUppercase ? "_" + character.lowercased() : String(character)
    }
  }

  private static func title(of error: IdentityError) -> String {
    if error.kind == .notConfirmed { return "The digits were not typed" }
    if error.kind == .keyHeldByAnother { return "This key is somebody else's" }
    return switch error.status {
    case 403: "Not allowed"
    case 409: "This has been decided already"
    case 502: "The identity provider answered wrongly"
    case 503: "Signing in is not possible now"
    default: "Signing in did not work"
    }
  }
}
