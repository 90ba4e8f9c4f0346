/// What is changed about a path before anything is decided about it, so that policies and services see the same one.
package struct PathNormalization: Sendable, Hashable {
  /// `%2f` becomes a slash, `%5c` a backslash.
  package var unescapesSlashes = false
  /// `.` and `..` are resolved, backslashes are slashes, and what need not be escaped is not (RFC 3986 section 6.2.2).
  package var resolvesDots = false
  /// Several slashes in a row are one.
  package var mergesSlashes = false

  package init() {}

  package var isNothing: Bool { !unescapesSlashes && !resolvesDots && !mergesSlashes }

  /// The path as it is from now on; `nil` where nothing changes, and for what is no path (`*`).
  package func applied(to path: String) -> String? {
    let bytes = Array(path.utf8)
    guard !isNothing, bytes.first == ByteClass.slash else { return nil }
    var changed = bytes
    if unescapesSlashes || resolvesDots { changed = unescaped(changed) }
    if resolvesDots { changed = Self.resolved(changed.map { $0 == 0x5C ? ByteClass.slash : $0 }) }
    if mergesSlashes { changed = Self.merged(changed) }
    return changed == bytes ? nil : String(decoding: changed, as: UTF8.self)
  }

  private func unescaped(_ path: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(path.count)
    var index = 0
    while index < path.count {
      let byte = path[index]
      index += 1
      guard byte == 0x25, index + 1 < path.count, let high = ByteClass.hexDigit(path[index]),
        let low = ByteClass.hexDigit(path[index + 1])
      else {
        result.append(byte)
        continue
      }
      let value = high << 4 | low
      let isSlash = value == ByteClass.slash || value == 0x5C
      if unescapesSlashes && isSlash || resolvesDots && Self.isUnreserved(value) {
        result.append(value)
        index += 2
      } else {
        result.append(byte)
      }
    }
    return result
  }

  /// RFC 3986 section 2.3.
  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }

  /// RFC 3986 section 5.2.4; nothing lies above the root.
  private static func resolved(_ path: [UInt8]) -> [UInt8] {
    let segments = path.dropFirst().split(separator: ByteClass.slash, omittingEmptySubsequences: false)
    var kept: [ArraySlice<UInt8>] = []
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      if segment.elementsEqual([0x2E]) {
        if isLast { kept.append([]) }
      } else if segment.elementsEqual([0x2E, 0x2E]) {
        _ = kept.popLast()
        if isLast { kept.append([]) }
      } else {
        kept.append(segment)
      }
    }
    return [ByteClass.slash] + kept.joined(separator: [ByteClass.slash])
  }

  private static func merged(_ path: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(path.count)
    for byte in path where byte != ByteClass.slash || result.last != ByteClass.slash { result.append(byte) }
    return result
  }
}

extension RequestHead {
  /// The same request for another path. What the old one was a disguise of, it stays.
  package mutating func replacePath(_ path: String) {
    let disguise = pathShape.intersection(.decodesToOwn)
    target = query.map { "\(path)?\($0)" } ?? path
    pathLength = path.utf8.count
    pathShape = PathShape(of: Array(path.utf8)[...]).union(disguise)
  }
}
