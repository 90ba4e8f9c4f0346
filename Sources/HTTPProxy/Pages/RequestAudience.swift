import HTTPWire

/// Who reads the answer to a request: a person in front of a browser, or a program.
enum RequestAudience: Sendable, Equatable {
  /// A page that is being opened: it may be sent elsewhere.
  case navigation
  /// A browser that shows what comes back, but sent something that a redirect would lose (a form).
  case person
  case program

  init(_ request: OwnRequest) {
    guard Self.acceptsHTML(request.headers), !request.headers.contains("upgrade"),
      request.headers.first("x-requested-with")?.lowercased() != "xmlhttprequest"
    else {
      self = .program
      return
    }
    // Browsers say themselves what a request is for; scripts that fetch fragments of HTML are programs.
    if let mode = request.headers.first("sec-fetch-mode"), mode != "navigate" {
      self = .program
      return
    }
    self = request.method == .get || request.method == .head ? .navigation : .person
  }

  var wantsHTML: Bool { self != .program }

  /// `text/html` must be named: `*/*` is what programs say.
  private static func acceptsHTML(_ headers: HeaderList) -> Bool {
    for value in headers.values("accept") {
      for range in value.lowercased().split(separator: ",") {
        let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
        guard let type = parts.first, type == "text/html" || type == "application/xhtml+xml" else { continue }
        if !parts.contains(where: { $0 == "q=0" || ($0.hasPrefix("q=0.") && $0.dropFirst(4).allSatisfy { $0 == "0" }) })
        {
          return true
        }
      }
    }
    return false
  }
}
