/// What a claim of a workload's token must be: a text, byte for byte, in which `*` stands for one or more characters that are
/// neither `/` nor `:`. What stands before the first `/` or `:` is always literal: `org/*` is the repositories of one
/// organisation, `*/app` would be everybody's.
package struct ClaimPattern: Sendable, Hashable, CustomStringConvertible {
  /// Why a text is no pattern; says what to write.
  package struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
  }

  package static let maximumLength = 512
  package static let maximumWildcards = 8
  /// Longer values than any issuer makes match no `*`.
  static let maximumValueLength = 4096

  package let description: String
  private let bytes: [UInt8]
  private let hasWildcards: Bool

  package init(_ text: String) throws(Fault) {
    bytes = Array(text.utf8)
    description = text
    let wildcards = bytes.count { $0 == Self.wildcard }
    hasWildcards = wildcards > 0
    guard !bytes.isEmpty else { throw Fault(description: "an empty text is no condition") }
    guard bytes.count <= Self.maximumLength else {
      throw Fault(description: "longer than \(Self.maximumLength) bytes")
    }
    guard wildcards <= Self.maximumWildcards else {
      throw Fault(description: "more than \(Self.maximumWildcards) `*`")
    }
    guard let first = bytes.firstIndex(of: Self.wildcard) else { return }
    guard bytes[..<first].contains(where: Self.isSeparator) else {
      throw Fault(description: "a `*` may stand only behind a `/` or `:`, as in org/* or refs/heads/release-*")
    }
    guard zip(bytes, bytes.dropFirst()).allSatisfy({ $0 != Self.wildcard || $1 != Self.wildcard }) else {
      throw Fault(description: "`**` is nothing more than `*`, which never crosses a `/` or `:`")
    }
  }

  package func matches(_ value: String) -> Bool {
    guard hasWildcards else { return value.utf8.elementsEqual(bytes) }
    guard value.utf8.count <= Self.maximumValueLength else { return false }
    return matches(Array(value.utf8))
  }

  /// From left to right; after a mismatch the latest `*` takes one byte more. A `*` that met a separator can take no more, and
  /// neither can an earlier one, because what lies between them has matched already.
  private func matches(_ value: [UInt8]) -> Bool {
    var position = 0
    var index = 0
    /// Behind the latest `*`, and the end of what it has taken.
    var retry: (index: Int, position: Int)?
    while position < value.count {
      if index < bytes.count, bytes[index] == Self.wildcard {
        guard !Self.isSeparator(value[position]) else { return false }
        index += 1
        position += 1
        retry = (index, position)
      } else if index < bytes.count, bytes[index] == value[position] {
        index += 1
        position += 1
      } else if let (after, taken) = retry, !Self.isSeparator(value[taken]) {
        index = after
        position = taken + 1
        retry = (after, position)
      } else {
        return false
      }
    }
    return index == bytes.count
  }

  private static let wildcard = UInt8(ascii: "*")

  private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":") }
}
