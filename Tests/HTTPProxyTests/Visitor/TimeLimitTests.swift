import NIOCore
import Synchronization
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct TimeLimitTests {
  private func edge(
    _ service: TestService, timeout: Int64? = nil, configure: (inout HTTPProxyConfiguration) -> Void
  ) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route { $0.timeout = timeout }
    let edge = try await TestEdge(routes: [route], configure: configure)
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  @Test func noTimeIsNoLimit() {
    let start = NIODeadline.uptimeNanoseconds(1)
    #expect(!(start + .hours(1000)).isPast(start, by: 0))
    #expect((start + .milliseconds(11)).isPast(start, by: 10))
    #expect(!(start + .milliseconds(10)).isPast(start, by: 10))
  }

  @Test func whoeverTakesSomethingIsNotStuck() {
    var progress = WriteProgress()
    let start = NIODeadline.uptimeNanoseconds(1)
    func isStuck(_ now: NIODeadline, longerThan limit: Int64, unwritten: Int) -> Bool {
      progress.isStuck(now, longerThan: limit, unwritten: unwritten)
    }
    #expect(!isStuck(start + .hours(1), longerThan: 10, unwritten: 5))
    progress.writabilityChanged(isWritable: false, start)
    var now = start
    for left in stride(from: 100, to: 0, by: -1) {
      now = now + .milliseconds(9)
      #expect(!isStuck(now, longerThan: 10, unwritten: left))
    }
    #expect(!isStuck(now + .milliseconds(10), longerThan: 10, unwritten: 1))
    #expect(isStuck(now + .milliseconds(11), longerThan: 10, unwritten: 1))
    #expect(!isStuck(now + .hours(9), longerThan: 0, unwritten: 1))
    progress.writabilityChanged(isWritable: true, now)
    #expect(!isStuck(now + .hours(1), longerThan: 10, unwritten: 1))
  }

  /// All zero: nothing ends by itself.
  @Test func zeroTimeoutsEndNothing() async throws {
    let held = Mutex<TestService.Connection?>(nil)
    let service = try await TestService { _, connection in held.withLock { $0 = connection } }
    let (edge, client) = try await edge(service) {
      $0.readTimeout = 0
      $0.writeTimeout = 0
      $0.idleTimeout = 0
      $0.upstreamTimeout = 0
      $0.pooledIdleTime = 40
    }
    client.send("GET / HT")
    try await Task.sleep(for: .milliseconds(100))
    client.send(String(get().dropFirst("GET / HT".count)))
    while held.withLock({ $0 == nil }) { await Task.yield() }
    try await Task.sleep(for: .milliseconds(100))
    held.withLock { $0 }?.reply("late")
    _ = try await client.wait(for: "late")
    try await Task.sleep(for: .milliseconds(100))
    #expect(!client.isClosed)
    await edge.stop()
  }

  @Test func aRoutesOwnTimeoutReplacesTheDefault() async throws {
    let held = Mutex<TestService.Connection?>(nil)
    let service = try await TestService { _, connection in held.withLock { $0 = connection } }
    let (edge, client) = try await edge(service, timeout: 60_000) { $0.upstreamTimeout = 40 }
    client.send(get())
    while held.withLock({ $0 == nil }) { await Task.yield() }
    try await Task.sleep(for: .milliseconds(200))
    held.withLock { $0 }?.reply("in time")
    _ = try await client.wait(for: "in time")
    await edge.stop()
  }

  @Test func anIdleConnectionMakesRoomWhenTheEdgeIsNearlyFull() {
    var configuration = HTTPProxyConfiguration(address: .init(port: 0), tls: nil)
    #expect(configuration.idleTimeout(isCrowded: false) == 300_000)
    #expect(configuration.idleTimeout(isCrowded: true) == 5_000)
    configuration.idleTimeout = 0
    #expect(configuration.idleTimeout(isCrowded: false) == 0 && configuration.idleTimeout(isCrowded: true) == 5_000)
    configuration.idleTimeout = 100
    #expect(configuration.idleTimeout(isCrowded: true) == 100)
  }
}
