import Glibc

/// How many files and sockets the process may have open.
enum DescriptorLimit {
  /// Raises the limit as far as the process may, and returns it. The usual 1,024 are there for programs that use select(2); an
  /// edge with as many visitors could accept neither another one nor a publisher.
  @discardableResult
  static func raise() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < limit.rlim_max {
      var wanted = limit
      wanted.rlim_cur = limit.rlim_max
      if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 { limit = wanted }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// How many of these visitors may take: the rest is for publishers, the store, logs and the provider.
  static func forVisitors(of limit: Int) -> Int { max(limit / 4 * 3, 64) }
}
