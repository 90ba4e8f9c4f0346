import Foundation

/// A host name as everything compares it: lower case, without the trailing dot, letters, digits and hyphens in every
/// label, international labels in their ASCII form (so the Unicode and the punycode spelling are the same name).
package struct HostName: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The canonical text; ASCII.
  package let text: String

  /// RFC 1035 section 2.3.4.
  static let longestName = 253
  static let longestLabel = 63

  package init?(_ text: String) {
    guard let canonical = Self.canonical(text) else { return nil }
    self.text = canonical
  }

  package var description: String { text }

  package static func < (left: HostName, right: HostName) -> Bool { left.text < right.text }

  private static func canonical(_ text: String) -> String? {
    // Names in requests are nearly always canonical already: one pass, no allocation.
    if isCanonical(text.utf8) { return text }
    // A Unicode name is at most as long in code points as its ASCII form; four UTF-8 bytes each.
    guard text.utf8.count <= (longestName + 1) * 4 else { return nil }
    var labels = labels(of: text)
    if labels.last?.isEmpty == true { labels.removeLast() }
    var parts: [String] = []
    for label in labels {
      guard let part = canonicalLabel(label) else { return nil }
      parts.append(part)
    }
    let name = parts.joined(separator: ".")
    return isCanonical(name.utf8) ? name : nil
  }

  /// The labels, split at the full stop only; other dots of Unicode are not separators here.
  static func labels(of text: String) -> [Substring] {
    text.split(separator: ".", omittingEmptySubsequences: false)
  }

  /// One label in canonical form, or `nil` when it can be none.
  static func canonicalLabel(_ label: Substring) -> String? {
    if label.utf8.allSatisfy({ $0 < 0x80 }) {
      let lowered = label.lowercased()
      return isLabel(lowered.utf8) ? lowered : nil
    }
    // NFKC after lower-casing is what UTS 46 amounts to for the names people register.
    let mapped = label.lowercased().precomposedStringWithCompatibilityMapping
    if mapped.utf8.allSatisfy({ $0 < 0x80 }) {
      return isLabel(mapped.utf8) ? mapped : nil
    }
    guard mapped.unicodeScalars.allSatisfy(isLetterLike), let encoded = Punycode.encode(mapped.unicodeScalars) else {
      return nil
    }
    let ascii = "xn--" + encoded
    return isLabel(ascii.utf8) ? ascii : nil
  }

  private static func isLetterLike(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return isLetterDigitHyphen(UInt8(truncatingIfNeeded: scalar.value)) }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark, .decimalNumber: return true
    default: return false
    }
  }

  private static func isLetterDigitHyphen(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x61...0x7A, 0x30...0x39, 0x2D: true
    default: false
    }
  }

  static func isLabel(_ bytes: some Collection<UInt8>) -> Bool {
    guard let first = bytes.first, bytes.count <= longestLabel else { return false }
    var last = first
    for byte in bytes {
      guard isLetterDigitHyphen(byte) else { return false }
      last = byte
    }
    return first != 0x2D && last != 0x2D
  }

  private static func isCanonical(_ bytes: String.UTF8View) -> Bool {
    var total = 0
    var label = 0
    var previous: UInt8 = 0x2E
    for byte in bytes {
      total += 1
      if byte == 0x2E {
        guard label > 0, previous != 0x2D else { return false }
        label = 0
      } else {
        guard isLetterDigitHyphen(byte), !(label == 0 && byte == 0x2D) else { return false }
        label += 1
        guard label <= longestLabel else { return false }
      }
      previous = byte
    }
    return label > 0 && previous != 0x2D && total <= longestName
  }
}
