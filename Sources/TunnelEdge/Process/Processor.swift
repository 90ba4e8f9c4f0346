/// What the processor can do that decides an algorithm's place.
enum Processor {
  /// Whether AES is done by instructions of the processor, read once from /proc/cpuinfo.
  static let hasAES: Bool = {
    guard let text = try? FileAccess.readText("/proc/cpuinfo") else { return true }
    return text.split(separator: "\n").contains { line in
      (line.hasPrefix("flags") || line.hasPrefix("Features")) && line.split(separator: " ").contains("aes")
    }
  }()
}
