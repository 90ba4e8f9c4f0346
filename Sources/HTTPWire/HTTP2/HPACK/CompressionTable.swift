import DequeModule

/// What numbers in a field section stand for: the fixed entries of RFC 7541 appendix A, then those that the peer has added,
/// the newest first (section 2.3).
struct CompressionTable: Sendable {
  struct Entry: Sendable {
    /// The name, and behind it the value.
    var bytes: [UInt8]
    var nameLength: Int

    var name: ArraySlice<UInt8> { bytes[..<nameLength] }
    var value: ArraySlice<UInt8> { bytes[nameLength...] }
    /// Section 4.1.
    var size: Int { bytes.count + 32 }
  }

  /// What we have announced: nothing, so the preset of RFC 9113 section 6.5.2.
  static let largest = 4096

  private var added = Deque<Entry>()
  private var size = 0
  private var limit = Self.largest

  /// `nil` for a number that stands for nothing.
  subscript(_ number: Int) -> Entry? {
    if number < 1 { return nil }
    if number <= Self.fixed.count { return Self.fixed[number - 1] }
    let index = number - Self.fixed.count - 1
    return index < added.count ? added[index] : nil
  }

  /// An entry larger than the whole table empties it, and that is no mistake (section 4.4).
  mutating func add(_ entry: Entry) {
    evict(to: limit - entry.size)
    guard entry.size <= limit else { return }
    added.prepend(entry)
    size += entry.size
  }

  /// Another limit by the peer; `false` if it is more than we have allowed.
  mutating func resize(to limit: Int) -> Bool {
    guard limit <= Self.largest else { return false }
    self.limit = limit
    evict(to: limit)
    return true
  }

  private mutating func evict(to room: Int) {
    while size > max(room, 0), let oldest = added.popLast() { size -= oldest.size }
  }

  private static let fixed: [Entry] = names.map { Entry(bytes: Array(($0 + $1).utf8), nameLength: $0.utf8.count) }

  private static let names: [(String, String)] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
  ]
}
