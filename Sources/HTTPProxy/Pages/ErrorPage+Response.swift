import HTTPWire
import PlainText
import Policy
import Routing

extension ErrorPage {
  /// Scripts are off: a placeholder is escaped for HTML, and would not be for a script.
  private static let contentPolicy =
    "script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  func response(_ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest, now: UnixTime) -> OwnResponse {
    var source = ""
    for part in parts {
      switch part {
      case .markup(let markup): source += markup
      case .placeholder(let placeholder):
        let value = Self.value(of: placeholder, refusal, text, request, now: now)
        source += ("\(value)" as HTML).source
      }
    }
    var response = OwnResponse(status: refusal.status, body: Array(source.utf8))
    response.headers.add("Content-Type", "text/html; charset=utf-8")
    response.headers.add("Content-Security-Policy", Self.contentPolicy)
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.add("Referrer-Policy", "no-referrer")
    response.headers.addOwnMarks()
    return response
  }

  private static func value(
    of placeholder: Placeholder, _ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest, now: UnixTime
  ) -> String {
    switch placeholder {
    case .status: String(refusal.status)
    case .title: text.title
    case .message: text.happened
    case .advice: text.advice
    case .reason: refusal.logDetail
    case .host: request.host
    case .requestID: request.requestID
    case .time: PageTime.text(now)
    case .retryAfter: text.retryAfter.map(String.init) ?? ""
    }
  }
}
