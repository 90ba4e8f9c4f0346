/// How much memory the process may use.
enum SystemMemory {
  /// Bytes: of the machine, or less where a control group (a container, a service unit) has less.
  static let bytes: Int = {
    let machine = (try? FileAccess.readText("/proc/meminfo")).flatMap(total(meminfo:)) ?? 1 << 30
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap {
      (try? FileAccess.readText($0)).flatMap(limit(group:))
    }
    return group.reduce(machine, min)
  }()

  /// `MemTotal:       16318712 kB`
  static func total(meminfo text: String) -> Int? {
    for line in text.split(separator: "\n") where line.hasPrefix("MemTotal:") {
      let words = line.split(separator: " ")
      guard words.count >= 2, let kilobytes = Int(words[1]), kilobytes > 0, kilobytes < 1 << 50 else { return nil }
      return kilobytes * 1024
    }
    return nil
  }

  /// A number, or `max`.
  static func limit(group text: String) -> Int? {
    guard let line = text.split(separator: "\n").first, let bytes = Int(line), bytes > 0 else { return nil }
    return bytes
  }
}
