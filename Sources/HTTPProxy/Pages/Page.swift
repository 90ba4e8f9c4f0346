import EdgeCrypto
import HTTPWire
import PlainText
import Policy

/// One page of the edge: its words, and the frame, headers and content policy they are sent in.
struct Page {
  var status = 200
  /// For the browser's tab; the product's name follows.
  var title: String
  var content: HTML
  var requestID: String
  /// When it was made; on pages that somebody may have to report.
  var time: UnixTime?
  /// Which of the account's pages it is, if it is one.
  var account: AccountPage?
  var hasCountdown = false
  /// Whether a form on the page posts to this host. Browsers then must name their origin, so the referrer policy lets them.
  var hasForm = false
  /// Where else its form may lead: browsers count what a posted form is redirected to.
  var formTargets: [String] = []
  /// Keeps scripts of the same origin from looking into the page: for pages on a publisher's host that name a person.
  var isSandboxed = false

  func response() -> OwnResponse {
    var response = OwnResponse(status: status, body: Array(document.source.utf8))
    response.headers.add("Content-Type", "text/html; charset=utf-8")
    response.headers.add("Content-Language", "en")
    response.headers.add("Content-Security-Policy", contentPolicy)
    response.headers.add("X-Frame-Options", "DENY")
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.add("Referrer-Policy", hasForm ? "same-origin" : "no-referrer")
    // Browsers refuse a document that is sandboxed and asks for an opener policy (HTML, "create navigation params").
    if !isSandboxed { response.headers.add("Cross-Origin-Opener-Policy", "same-origin") }
    response.headers.add("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.add("Permissions-Policy", "interest-cohort=(), browsing-topics=()")
    response.headers.addOwnMarks()
    return response
  }

  private var document: HTML {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex, nofollow">
    <title>\(title) · TunnelEdge</title>
    <link rel="icon" href="\(url: PageStyle.icon)">
    <style>\(HTML(trusted: PageStyle.sheet))</style>
    </head>
    <body>
    <header><p>\(PageStyle.mark)<span>TunnelEdge</span></p>\(account?.navigation ?? "")</header>
    <main>
    \(content)
    </main>
    <footer><p>Request <code>\(requestID)</code></p>\(moment)</footer>
    \(hasCountdown ? "<script>\(HTML(trusted: PageScript.countdown))</script>\n" : "")</body>
    </html>

    """
  }

  private var moment: HTML {
    time.map { "<p><time datetime=\"\(PageTime.iso($0))\">\(PageTime.text($0))</time></p>" } ?? ""
  }

  private var contentPolicy: String {
    var policy =
      "default-src 'none'; style-src '\(Self.styleHash)'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    policy += hasForm ? "; form-action \((["'self'"] + formTargets).joined(separator: " "))" : "; form-action 'none'"
    if hasCountdown { policy += "; script-src '\(Self.countdownHash)'" }
    if isSandboxed {
      policy += "; sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    }
    return policy
  }

  private static let styleHash = hash(PageStyle.sheet)
  private static let countdownHash = hash(PageScript.countdown)
  private static func hash(_ text: String) -> String { "sha256-\(Base64.encode(Digest.sha256(text)))" }
}

/// The pages of the account, which lead to each other.
enum AccountPage: CaseIterable {
  case details, access, signOut

  private var link: (path: String, name: String) {
    switch self {
    case .details: ("/.pomerium/", "Account")
    case .access: (OwnPages.accessPath, "Keys and sessions")
    case .signOut: ("/.pomerium/sign_out", "Sign out")
    }
  }

  var navigation: HTML {
    let items = Self.allCases.map { page -> HTML in
      let (path, name) = page.link
      return "<li><a href=\"\(url: path)\"\(page == self ? " aria-current=\"page\"" : "")>\(name)</a></li>"
    }
    return "<nav aria-label=\"Account\"><ul>\(items)</ul></nav>"
  }
}

extension HeaderList {
  /// What every answer of our own carries.
  mutating func addOwnMarks() {
    add("Cache-Control", "no-store")
    add("X-Pomerium-Intercepted-Response", "true")
  }
}
