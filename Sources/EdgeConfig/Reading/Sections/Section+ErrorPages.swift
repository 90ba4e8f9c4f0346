internal import Policy

/// `error_pages`: files that are shown to people instead of the edge's own pages.
enum ErrorPageRules {
  /// Bytes of one page. It is written out whole for each refusal.
  static let largestPage = 256 << 10
  /// What may stand between `{{` and `}}`.
  static let placeholders = [
    "status", "title", "message", "advice", "reason", "host", "request_id", "time", "retry_after",
  ]
}

extension EdgeConfiguration {
  /// The placeholders of `error_pages`, as the documentation names them.
  package static var errorPagePlaceholders: [String] { ErrorPageRules.placeholders }
}

extension Section {
  /// The texts by what they are for: a status (`403`) or a class of them (`5xx`).
  func errorPages() -> [String: String] {
    var pages: [String: String] = [:]
    for (status, path, place) in pairs("error_pages") {
      guard isStatus(status, at: place) else { continue }
      guard !path.isEmpty else {
        findings.error(place, "`error_pages.\(status)` names no file")
        continue
      }
      guard let text = context.text(of: path, namedAt: place) else { continue }
      guard text.utf8.count <= ErrorPageRules.largestPage else {
        findings.error(
          place, "`\(path)` is larger than \(ErrorPageRules.largestPage >> 10) KiB",
          "pages are sent whole with every refusal: link to large pictures instead of embedding them")
        continue
      }
      if text.allSatisfy(\.isWhitespace) {
        findings.error(place, "`\(path)` is empty", "whoever is refused would see a blank page")
      }
      checkPlaceholders(in: text, of: path)
      pages[status.lowercased()] = text
    }
    return pages
  }

  private func isStatus(_ text: String, at place: Place) -> Bool {
    if text == "401" {
      findings.error(
        place, "`error_pages`: the page that asks people to sign in cannot be replaced",
        "other statuses from 400 to 599 can")
      return false
    }
    if let number = Int(text), (400...599).contains(number), text.utf8.count == 3 { return true }
    if ["4xx", "5xx"].contains(text.lowercased()) { return true }
    findings.error(
      place, "`error_pages`: `\(text)` is no status of an error", "a status like 503, or a class: 4xx, 5xx")
    return false
  }

  /// A placeholder that nothing takes the place of would be read by people.
  private func checkPlaceholders(in text: String, of path: String) {
    var position = SourcePosition(line: 1, column: 1)
    var rest = text[...]
    while let character = rest.first {
      if rest.hasPrefix("{{"), let end = rest.prefix(80).firstRange(of: "}}") {
        let name = rest[rest.index(rest.startIndex, offsetBy: 2)..<end.lowerBound].trimmingBlanks
        if !ErrorPageRules.placeholders.contains(name) {
          let known = ErrorPageRules.placeholders.map { "{{\($0)}}" }.joined(separator: ", ")
          let nearest = nearestName(to: name, among: ErrorPageRules.placeholders).map { "did you mean {{\($0)}}?" }
          findings.error(
            Place(source: path, position: position), "nothing takes the place of {{\(name)}}",
            nearest ?? "there are \(known)")
        }
      }
      rest = rest.dropFirst()
      if character.isNewline {
        position = SourcePosition(line: position.line + 1, column: 1)
      } else {
        position.column += 1
      }
    }
  }
}
