/// Text from visitors, publishers, hosts, claims and client idents, made safe for a terminal, banner, disconnect text,
/// readable log or replay (security rule 34): what could move a cursor, reorder or hide characters becomes `\u{…}`,
/// and the length is capped.
package struct PrintableText: Sendable, Hashable, CustomStringConvertible {
  package let description: String

  /// - Parameter limit: how many characters are shown at most; what is spelled counts as long as its
  ///   spelling. Three dots, which every terminal and ssh client can show, say that there was more.
  package init(_ text: String, limit: Int = 256) {
    var result = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars {
      if count >= limit {
        result.append(contentsOf: "...".unicodeScalars)
        break
      }
      if Self.isUnsafe(scalar) {
        let escaped = "\\u{" + String(scalar.value, radix: 16) + "}"
        result.append(contentsOf: escaped.unicodeScalars)
        count += escaped.utf8.count
      } else {
        result.append(scalar)
        count += 1
      }
    }
    description = String(result)
  }

  /// C0, DEL, C1, bidirectional controls, zero-width and other invisible format characters, line separators, tags.
  package static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F: true
    case 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB: true
    case 0x1D173...0x1D17A, 0xE0000...0xE0FFF: true
    default: scalar.properties.generalCategory == .control
    }
  }
}

extension String {
  /// This text, safe to show (see `PrintableText`).
  package func printable(limit: Int = 256) -> String { PrintableText(self, limit: limit).description }
}

extension Collection<UInt8> {
  /// What a peer sent where text was expected, safe to show; bytes that are no UTF-8 become U+FFFD.
  package func printable(limit: Int = 256) -> String {
    // Of what is cut anyway nothing is decoded.
    String(decoding: prefix(4 * Swift.max(limit, 0) + 4), as: UTF8.self).printable(limit: limit)
  }
}
