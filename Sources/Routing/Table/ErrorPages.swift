/// Pages of the administrator that people see instead of the edge's own when they are refused.
package struct ErrorPages: Sendable, Equatable {
  private var exact: [Int: ErrorPage] = [:]
  /// By the first digit of the status.
  private var classes: [Int: ErrorPage] = [:]

  package init() {}

  /// By status (`403`) or class (`5xx`); other names are of no use and left out.
  package init(_ texts: [String: String]) {
    for (name, text) in texts {
      if let status = Int(name) {
        exact[status] = ErrorPage(text)
      } else if name.hasSuffix("xx"), let digit = name.first?.wholeNumberValue {
        classes[digit] = ErrorPage(text)
      }
    }
  }

  /// The page for a status; its own goes before that of its class.
  package func page(for status: Int) -> ErrorPage? { exact[status] ?? classes[status / 100] }
}

/// A page with places where the edge puts what happened.
package struct ErrorPage: Sendable, Equatable {
  package enum Placeholder: String, Sendable, CaseIterable {
    case status, title, message, advice, reason, host
    case requestID = "request_id"
    case time
    case retryAfter = "retry_after"
  }

  package enum Part: Sendable, Equatable {
    /// As the file has it.
    case markup(String)
    case placeholder(Placeholder)
  }

  package let parts: [Part]

  /// Takes the text apart at `{{name}}`; what is no placeholder stays as it is.
  package init(_ text: String) {
    let longestName = 80
    var parts: [Part] = []
    var markup = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "{{") {
      markup += rest[..<start.lowerBound]
      let inner = rest[start.upperBound...]
      guard let end = inner.prefix(longestName).firstRange(of: "}}"),
        let placeholder = Placeholder(rawValue: inner[..<end.lowerBound].filter { $0 != " " })
      else {
        markup += "{{"
        rest = inner
        continue
      }
      if !markup.isEmpty { parts.append(.markup(markup)) }
      markup = ""
      parts.append(.placeholder(placeholder))
      rest = inner[end.upperBound...]
    }
    markup += rest
    if !markup.isEmpty { parts.append(.markup(markup)) }
    self.parts = parts
  }
}
