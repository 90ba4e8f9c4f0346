import Glibc
import NIOCore

/// Finds a port nobody uses yet, for the demo: a busy port is no reason to fail there.
enum FreePort {
  struct NoneFree: Error, CustomStringConvertible {
    var first: Int
    var description: String { "no free port from \(first) to \(first + attempts - 1) on loopback" }
  }

  private static let attempts = 50

  /// Calls `bind` with one port after another until it does not say that the port is taken.
  static func bind<Bound: Sendable>(
    from first: Int, _ bind: (Int) async throws -> Bound
  ) async throws -> (Bound, port: Int) {
    for port in first..<min(first + attempts, 65536) {
      do {
        return (try await bind(port), port)
      } catch let error as IOError where error.errnoCode == EADDRINUSE || error.errnoCode == EACCES {
        continue
      }
    }
    throw NoneFree(first: first)
  }
}
