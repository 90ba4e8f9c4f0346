import Synchronization

/// The routes in force: readers take the snapshot, a reload swaps it.
package final class CurrentRoutes: Sendable {
  private let table: Mutex<RouteTable>

  package init(_ table: RouteTable) { self.table = Mutex(table) }

  package func current() -> RouteTable { table.withLock { $0 } }

  /// The generation in force: whoever keeps a snapshot asks this before using it.
  package var generation: UInt64 { table.withLock { $0.generation } }

  /// Puts other routes in force under the next generation. Without `reservedHosts` those stay as they are.
  package func replace(_ routes: [Route], reservedHosts: Set<HostName>? = nil) {
    table.withLock {
      $0 = RouteTable(
        routes: routes, generation: $0.generation &+ 1, reservedHosts: reservedHosts ?? $0.reservedHosts)
    }
  }
}
