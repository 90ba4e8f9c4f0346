/// Names that somebody may publish, as `ssh_forward_host` has them: `*` stands for anything, `{claim.preferred_username}` for
/// what a claim says, `{email.local_part}` for what stands before the `@` of the address.
///
/// With them one wildcard route gives every publisher a namespace: `*.{claim.preferred_username}.dev.example.com`.
struct ForwardHostPattern: Sendable, Equatable {
  enum Piece: Sendable, Equatable {
    /// In lower case.
    case text(String)
    case anything
    case claim(ClaimPath)
    case emailLocalPart
  }

  /// As written.
  let text: String
  private let pieces: [Piece]

  /// - Throws: what is wrong with it.
  init(_ text: String) throws(Mistake) {
    self.text = text
    var pieces: [Piece] = []
    var rest = text[...]
    while let first = rest.first {
      if first == "*" {
        rest.removeFirst()
        if pieces.last != .anything { pieces.append(.anything) }
      } else if first == "{" {
        guard let end = rest.firstIndex(of: "}") else { throw Mistake("a `{` without its `}`") }
        pieces.append(try Self.placeholder(rest[rest.index(after: rest.startIndex)..<end]))
        rest = rest[rest.index(after: end)...]
      } else {
        let plain = rest.prefix { $0 != "*" && $0 != "{" }
        guard plain.utf8.allSatisfy(\.isNameByte) else { throw Mistake("`\(plain)` cannot be part of a host name") }
        pieces.append(.text(plain.lowercased()))
        rest = rest[plain.endIndex...]
      }
    }
    guard !pieces.isEmpty else { throw Mistake("an empty pattern") }
    self.pieces = pieces
  }

  struct Mistake: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func placeholder(_ text: Substring) throws(Mistake) -> Piece {
    if text == "email.local_part" { return .emailLocalPart }
    guard text.hasPrefix("claim."), text.count > 6 else { throw Mistake("unknown placeholder `{\(text)}`") }
    return .claim(ClaimPath(text: String(text.dropFirst(6))))
  }

  /// Whether this person may have this name, which is in lower case.
  func matches(_ name: String, of subject: Subject) -> Bool {
    var asked = 0
    return matches(Array(name.utf8)[...], pieces[...], subject, &asked)
  }

  /// Patterns are the administrator's, names are the publisher's: a name that makes it try too often does not match.
  private static let mostTries = 10_000

  private func matches(
    _ name: ArraySlice<UInt8>, _ pieces: ArraySlice<Piece>, _ subject: Subject, _ tries: inout Int
  ) -> Bool {
    tries += 1
    guard tries <= Self.mostTries else { return false }
    guard let piece = pieces.first else { return name.isEmpty }
    let rest = pieces.dropFirst()
    switch piece {
    case .text(let text):
      return name.starts(with: text.utf8) && matches(name.dropFirst(text.utf8.count), rest, subject, &tries)
    case .anything:
      // At least one byte: `*.example.com` is not `.example.com`.
      var tail = name.dropFirst()
      while true {
        if !name.isEmpty, matches(tail, rest, subject, &tries) { return true }
        guard !tail.isEmpty else { return false }
        tail = tail.dropFirst()
      }
    case .claim(let path):
      return path.values(in: subject.claims).hasText { text in
        guard let label = Self.label(text[...]) else { return false }
        return name.starts(with: label) && matches(name.dropFirst(label.count), rest, subject, &tries)
      }
    case .emailLocalPart:
      guard let label = Self.localLabel(of: subject) else { return false }
      return name.starts(with: label) && matches(name.dropFirst(label.count), rest, subject, &tries)
    }
  }

  /// What it is for this person: claims in place of their names, `*` as it is written; nothing where a claim says nothing
  /// that could be part of a name.
  func hosts(of subject: Subject) -> [String] {
    var hosts = [""]
    for piece in pieces {
      let parts: [String]
      switch piece {
      case .text(let text): parts = [text]
      case .anything: parts = ["*"]
      case .claim(let path):
        parts = path.values(in: subject.claims).texts(most: Self.mostHosts).filter { Self.label($0[...]) != nil }
      case .emailLocalPart: parts = Self.localLabel(of: subject).map { [String(decoding: $0, as: UTF8.self)] } ?? []
      }
      hosts = Array(hosts.lazy.flatMap { host in parts.lazy.map { host + $0 } }.prefix(Self.mostHosts))
    }
    return hosts
  }

  private static let mostHosts = 20

  /// What a claim says, where it is one label of a host name (RFC 1123) in lower case; anything else would be a name of
  /// somebody else's choosing. Taken literally (security rule 5): `Ann` and `ann` may be two people, and letters of other
  /// alphabets become ASCII where case is folded.
  private static func label(_ text: Substring) -> [UInt8]? {
    let label = text.utf8
    guard (1...63).contains(label.count), label.first != 0x2D, label.last != 0x2D,
      label.allSatisfy({ $0.isNameByte && $0 != 0x2E && !(0x41...0x5A).contains($0) })
    else { return nil }
    return Array(label)
  }

  private static func localLabel(of subject: Subject) -> [UInt8]? {
    guard subject.emailIsTrusted, let email = subject.email, let at = email.lastIndex(of: "@") else { return nil }
    return label(email[..<at])
  }
}

extension UInt8 {
  /// A letter, a digit, a hyphen or a dot.
  fileprivate var isNameByte: Bool {
    switch self {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: true
    default: false
    }
  }
}
