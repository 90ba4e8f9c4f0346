/// The few DER forms that signatures need.
enum DER {
  static func integer(_ magnitudeBytes: [UInt8]) -> [UInt8] {
    var bytes = magnitude(magnitudeBytes)
    if bytes.first.map({ $0 >= 0x80 }) ?? true { bytes.insert(0, at: 0) }
    return [0x02] + length(bytes.count) + bytes
  }

  static func sequence(_ content: [UInt8]) -> [UInt8] { [0x30] + length(content.count) + content }

  private static func length(_ count: Int) -> [UInt8] {
    if count < 0x80 { return [UInt8(count)] }
    if count < 0x100 { return [0x81, UInt8(count)] }
    return [0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
  }
}

/// Reads what `DER` writes; nil for anything else.
struct DERReader {
  private let bytes: [UInt8]
  private var index = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { index == bytes.count }

  mutating func sequence() -> DERReader? { content(tag: 0x30).map(DERReader.init) }

  /// The magnitude of a non-negative INTEGER.
  mutating func integer() -> [UInt8]? {
    guard let content = content(tag: 0x02), let first = content.first, first < 0x80 else { return nil }
    return magnitude(content)
  }

  private mutating func content(tag: UInt8) -> [UInt8]? {
    guard next() == tag, let short = next() else { return nil }
    var count = Int(short)
    if short >= 0x80 {
      guard short == 0x81 || short == 0x82 else { return nil }
      count = 0
      for _ in 0..<Int(short & 3) {
        guard let byte = next() else { return nil }
        count = count << 8 | Int(byte)
      }
    }
    guard count <= bytes.count - index else { return nil }
    defer { index += count }
    return Array(bytes[index..<(index + count)])
  }

  private mutating func next() -> UInt8? {
    guard index < bytes.count else { return nil }
    defer { index += 1 }
    return bytes[index]
  }
}
