/// What stands in a path that two readers might understand differently. Computed once, on the bytes that are forwarded.
package struct PathShape: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `.` or `..` as a segment, plain or encoded.
  package static let dotSegments = PathShape(rawValue: 1)
  /// `%2f`, `%5c` or a plain backslash.
  package static let hiddenSeparators = PathShape(rawValue: 2)
  /// `%00`, or `%25` before two hex digits (a path encoded twice).
  package static let hiddenControls = PathShape(rawValue: 4)
  /// Two slashes in a row.
  package static let emptySegments = PathShape(rawValue: 8)
  /// `%` without two hex digits behind it.
  package static let brokenEscapes = PathShape(rawValue: 16)
  /// It is not one of our own paths as written, and becomes one when decoded (security rule 15).
  package static let decodesToOwn = PathShape(rawValue: 32)

  /// What a route that tells paths apart must refuse: the service might see another path than the one decided on.
  package var isAmbiguous: Bool {
    !isDisjoint(with: [.dotSegments, .hiddenSeparators, .hiddenControls, .brokenEscapes])
  }

  package init(of path: ArraySlice<UInt8>) {
    self = []
    // The usual path has none of the bytes that could matter.
    var suspicious = false
    var previous: UInt8 = 0
    for byte in path {
      if byte == 0x25 || byte == 0x5C { suspicious = true }
      if previous == ByteClass.slash && (byte == 0x2E || byte == ByteClass.slash) { suspicious = true }
      previous = byte
    }
    guard suspicious else { return }
    inspect(path)
  }

  /// Whether a path is one of ours, literally: `/.pomerium`, `/.pomerium/…`, `/.well-known/pomerium…`.
  package static func isOwn(_ path: some StringProtocol) -> Bool {
    path == "/.pomerium" || path.hasPrefix("/.pomerium/") || path.hasPrefix("/.well-known/pomerium")
  }

  private mutating func inspect(_ path: ArraySlice<UInt8>) {
    let text = String(decoding: path, as: UTF8.self)
    let path = Array(path)
    var decoded = path
    // A service might decode more than once; three times is more than any does.
    for round in 0..<3 {
      let (next, found) = Self.decode(decoded)
      if round == 0 { formUnion(found) }
      if next == decoded { break }
      decoded = next
    }
    let segments = decoded.split(separator: ByteClass.slash, omittingEmptySubsequences: false)
    // Some drop the parameters of a segment before they resolve it: `/..;x/`.
    let names = segments.map { $0.prefix { $0 != 0x3B } }
    if names.contains(where: { $0.elementsEqual([0x2E]) || $0.elementsEqual([0x2E, 0x2E]) }) {
      insert(.dotSegments)
    }
    if path.indices.dropFirst().contains(where: { path[$0] == ByteClass.slash && path[$0 - 1] == ByteClass.slash }) {
      insert(.emptySegments)
    }
    if !Self.isOwn(text), Self.isOwn(Self.resolved(segments)) { insert(.decodesToOwn) }
    // `/.pomerium/../x` begins as ours and ends elsewhere.
    if Self.isOwn(text), contains(.dotSegments) { insert(.decodesToOwn) }
  }

  /// One round of percent decoding, with backslashes read as slashes.
  private static func decode(_ path: [UInt8]) -> ([UInt8], PathShape) {
    var found: PathShape = []
    var decoded: [UInt8] = []
    decoded.reserveCapacity(path.count)
    var index = 0
    while index < path.count {
      let byte = path[index]
      if byte == 0x5C {
        found.insert(.hiddenSeparators)
        decoded.append(ByteClass.slash)
        index += 1
      } else if byte != 0x25 {
        decoded.append(byte)
        index += 1
      } else if index + 2 < path.count, let high = ByteClass.hexDigit(path[index + 1]),
        let low = ByteClass.hexDigit(path[index + 2])
      {
        let value = high << 4 | low
        switch value {
        case 0x2F, 0x5C: found.insert(.hiddenSeparators)
        case 0: found.insert(.hiddenControls)
        case 0x25:
          if index + 4 < path.count, ByteClass.hexDigit(path[index + 3]) != nil,
            ByteClass.hexDigit(path[index + 4]) != nil
          {
            found.insert(.hiddenControls)
          }
        default: break
        }
        decoded.append(value == 0x5C ? ByteClass.slash : value)
        index += 3
      } else {
        found.insert(.brokenEscapes)
        decoded.append(byte)
        index += 1
      }
    }
    return (decoded, found)
  }

  /// The path with dot segments resolved, empty segments and path parameters (`;…`) dropped, and cut at the first NUL.
  private static func resolved(_ segments: [ArraySlice<UInt8>]) -> String {
    var kept: [String] = []
    for segment in segments {
      let text = String(decoding: segment.prefix { $0 != 0x3B && $0 != 0 }, as: UTF8.self)
      switch text {
      case "", ".": continue
      case "..": _ = kept.popLast()
      default: kept.append(text)
      }
    }
    return "/" + kept.joined(separator: "/")
  }
}
