import HTTPWire

/// The cookies of a request, in the order they came.
struct RequestCookies: Sendable {
  let pairs: [(String, String)]

  init(_ headers: HeaderList) {
    pairs = headers.values("cookie").flatMap { line in
      line.split(separator: ";").compactMap { part -> (String, String)? in
        let trimmed = part.drop { $0 == " " || $0 == "\t" }
        guard let equals = trimmed.firstIndex(of: "=") else { return nil }
        var value = trimmed[trimmed.index(after: equals)...]
        while value.last == " " || value.last == "\t" { value.removeLast() }
        return (String(trimmed[..<equals]), String(value))
      }
    }
  }

  enum Lookup: Sendable, Equatable {
    case absent
    case value(String)
    /// Two of one name: somebody put one there, and nobody knows which (security rule 17).
    case ambiguous
  }

  subscript(_ name: String) -> Lookup {
    let values = pairs.filter { $0.0 == name }
    if values.count > 1 { return .ambiguous }
    return values.first.map { .value($0.1) } ?? .absent
  }
}

/// The attributes of every cookie of the edge (security rule 17): its host alone, never to scripts, never in plain text.
enum EdgeCookie {
  static func set(_ name: String, _ value: String, maxAge: Int64) -> String {
    "\(name)=\(value); Path=/; Max-Age=\(max(0, maxAge)); Secure; HttpOnly; SameSite=Lax"
  }

  static func expire(_ name: String) -> String { set(name, "", maxAge: 0) }
}
