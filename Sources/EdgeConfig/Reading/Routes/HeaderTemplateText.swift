internal import Policy

/// A value of `set_request_headers`, taken apart: `$$` is a dollar, `${…}` is replaced for each request.
struct HeaderTemplateText {
  typealias Part = HeaderTemplate.Part

  struct Failure: Error, Equatable {
    var message: String
    var suggestion: String?
  }

  private(set) var parts: [Part] = []

  private static let names: [String: Part] = [
    "pomerium.access_token": .accessToken, "pomerium.id_token": .idToken, "pomerium.jwt": .assertion,
    "pomerium.client_cert_fingerprint": .certificateFingerprint, "pomerium.client_cert_san_dns": .certificateDNSName,
    "pomerium.client_cert_san_email": .certificateAddress,
  ]

  init(_ text: String) throws(Failure) {
    var literal = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      guard character == "$" else {
        literal.append(character)
        continue
      }
      if rest.first == "$" {
        rest.removeFirst()
        literal.append("$")
        continue
      }
      guard rest.first == "{" else {
        // A dollar before anything else was always itself.
        literal.append("$")
        continue
      }
      guard let end = Self.end(of: rest) else {
        throw Failure(message: "`${` without `}`", suggestion: "a literal dollar is written `$$`")
      }
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = ""
      parts.append(try Self.part(String(rest[..<end].dropFirst())))
      rest = rest[end...].dropFirst()
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
  }

  /// The closing brace, beyond what is in quotation marks.
  private static func end(of text: Substring) -> Substring.Index? {
    var isQuoted = false
    for index in text.indices {
      if text[index] == "\"" { isQuoted.toggle() }
      if text[index] == "}", !isQuoted { return index }
    }
    return nil
  }

  private static func part(_ name: String) throws(Failure) -> Part {
    if let part = names[name] { return part }
    let prefix = "pomerium.request.headers["
    guard name.hasPrefix(prefix), name.hasSuffix("]") else {
      let known = names.keys.sorted() + ["pomerium.request.headers[\"X-Name\"]"]
      let nearest = nearestName(to: name, among: known)
      throw Failure(
        message: "`${\(name)}` is not known",
        suggestion: nearest.map { "did you mean `${\($0)}`?" }
          ?? "known are \(known.map { "`${\($0)}`" }.joined(separator: ", ")); a literal dollar is written `$$`")
    }
    let quoted = name.dropFirst(prefix.count).dropLast()
    let header =
      quoted.hasPrefix("\"") && quoted.hasSuffix("\"") && quoted.count > 2 ? quoted.dropFirst().dropLast() : ""
    guard isHeaderName(String(header)) else {
      throw Failure(
        message: "`${\(name)}` names no header", suggestion: "as `${pomerium.request.headers[\"X-Name\"]}`")
    }
    if let why = whyNotCopied(String(header)) {
      throw Failure(message: "`\(header)` of the visitor cannot be copied", suggestion: why)
    }
    return .requestHeader(String(header))
  }

  /// What a visitor could pretend, or what is the edge's secret.
  private static func whyNotCopied(_ name: String) -> String? {
    let folded = name.lowercased().replacing("_", with: "-")
    if folded == "cookie" { return "the session cookie is in it; the others reach the service as they are" }
    if folded.hasPrefix("x-pomerium-") || folded.hasPrefix("x-forwarded-") || folded == "forwarded"
      || folded == "x-real-ip"
    {
      return "what a visitor says there is not believed; services get the edge's own"
    }
    return nil
  }
}
