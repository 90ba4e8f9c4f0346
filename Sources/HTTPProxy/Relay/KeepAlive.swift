import HTTPWire
import NIOCore

/// How long a service keeps a connection without a request, where it says so (`Keep-Alive: timeout=5`).
enum KeepAlive {
  /// What the service closes is closed by us a second before.
  private static let margin: Int64 = 1
  /// Longer than this a descriptor of the publisher's is not worth it.
  private static let longest: Int64 = 60

  /// Nil: it does not say, or not in a way that can be read.
  static func idleLimit(_ headers: HeaderList) -> TimeAmount? {
    guard let field = headers.firstField(.keepAlive) else { return nil }
    // What node says in every answer.
    if headers.valueEquals(field, "timeout=5") { return .seconds(4) }
    for parameter in headers.value(field).split(separator: ",") {
      let parts = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\"" } }
      guard parts.count == 2, parts[0].lowercased() == "timeout", let seconds = Int64(parts[1]), seconds >= 0 else {
        continue
      }
      return .seconds(min(max(0, seconds - margin), longest))
    }
    return nil
  }
}
