import Testing

@testable import SSHProtocol

/// A connection that does nothing should weigh nothing (docs/performance.md: thousands of idle tunnels).
struct FootprintTests {
  /// The machines share one configuration; a copy in each of them was four kilobytes a tunnel.
  @Test func machinesHoldNoCopyOfTheConfiguration() {
    #expect(MemoryLayout<SSHConfiguration>.size > 500)
    #expect(MemoryLayout<SSHConnection>.size < 2000)
  }
}
