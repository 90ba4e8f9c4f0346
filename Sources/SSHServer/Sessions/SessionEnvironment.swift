/// The variables that a client sets for a session; bounded, and only those that change what it is shown.
struct SessionEnvironment {
  /// Pairs, and bytes of all names and values (ssh.md section 3.7).
  private static let mostPairs = 64
  private static let mostBytes = 32 * 1024

  private(set) var values: [String: String] = [:]
  private var bytes = 0

  /// False when it is not taken.
  mutating func set(_ name: String, _ value: String) -> Bool {
    guard Self.isPermitted(name) else { return false }
    let old = values[name].map { name.utf8.count + $0.utf8.count } ?? 0
    let (new, count) = (name.utf8.count + value.utf8.count, values.count + (values[name] == nil ? 1 : 0))
    guard count <= Self.mostPairs, bytes - old + new <= Self.mostBytes else { return false }
    bytes += new - old
    values[name] = value
    return true
  }

  private static func isPermitted(_ name: String) -> Bool {
    ["LANG", "COLORTERM", "NO_COLOR"].contains(name) || name.hasPrefix("LC_") || name.hasPrefix("TE_")
  }
}
