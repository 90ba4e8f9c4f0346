import HTTPWire
import Identity
import PlainText
import Policy
import Routing

extension OwnPages {
  /// Who you are, another account, whom to ask, and where the route tells, which rule it was.
  ///
  /// A route's origin belongs to its publisher (security rule 15). The account and its claims are shown only where nothing of
  /// that origin can read them: in a page that the browser itself opens as a document, and that is sandboxed out of its
  /// origin. Everybody else finds them behind the link to the authenticate host.
  func forbiddenPart(
    _ route: Route, _ explanation: DecisionExplanation?, _ request: OwnRequest, session: Session?
  ) -> HTML {
    let isPrivate = isOpenedByBrowserItself(request)
    var rows: [HTML] = []
    if let session, isPrivate {
      rows.append("<div><dt>Signed in as</dt><dd>\(session.subject.displayName)</dd></div>\n")
    } else if session != nil {
      rows.append(
        "<div><dt>Signed in as</dt><dd><a href=\"\(url: authenticateURL("/.pomerium/"))\">See your account</a></dd></div>\n"
      )
    }
    rows.append("<div><dt>Page</dt><dd>\(request.host)</dd></div>\n")
    rows.append("<div><dt>Whom to ask</dt><dd>\(whomToAsk(route, mayNamePublisher: session != nil))</dd></div>\n")
    let other = authenticateURL("/.pomerium/sign_out", [("pomerium_redirect_uri", returnURL(of: request))])
    let why = session == nil ? nil : explanation.map { ExplanationPart(explanation: $0, showsValues: isPrivate).html }
    return """
      <p>Perhaps another account of yours may. If you should have access, ask for it and name the request number below.</p>
      <dl>
      \(rows)</dl>
      \(why ?? "")<div class="actions"><a class="button primary" href="\(url: other)">Use another account</a>\
      <a class="button" href="">Try again</a></div>

      """
  }

  private func whomToAsk(_ route: Route, mayNamePublisher: Bool) -> HTML {
    guard mayNamePublisher, let names = publishers(of: route) else { return "\(administrator)" }
    return "\(names) <small>publishes this page</small><small>or \(administrator)</small>"
  }

  /// Scripts of the page's own origin cannot make such requests: neither `fetch`, nor a frame, nor the preload of a service worker.
  private func isOpenedByBrowserItself(_ request: OwnRequest) -> Bool {
    request.headers.first("sec-fetch-dest") == "document" && request.headers.first("sec-fetch-mode") == "navigate"
      && !request.headers.contains("service-worker-navigation-preload")
  }
}
