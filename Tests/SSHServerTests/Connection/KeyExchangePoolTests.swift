import EdgeCrypto
import NIOCore
import NIOPosix
import SSHProtocol
import Synchronization
import Testing

@testable import SSHServer

/// Expensive key exchanges: a bounded number, and none for nobody.
@Suite(.serialized) struct KeyExchangePoolTests {
  /// The server's half of an exchange that costs milliseconds.
  private func expensiveWork() throws -> KeyExchangeWork {
    var server = SSHConfiguration(role: .server)
    server.hostKeys = [try PrivateKey.generate(.ed25519)]
    server.keyExchangeOffload = .expensive
    var client = SSHConfiguration(role: .client)
    client.algorithms.keyExchange = [.group16]
    var one = SSHConnection(server)
    var other = SSHConnection(client)
    one.start()
    other.start()
    for _ in 0..<10 {
      while let bytes = other.takeOutbound() { try one.receive(bytes) }
      while let bytes = one.takeOutbound() { try other.receive(bytes) }
      while let event = try one.nextEvent() {
        if case .keyExchangeWork(let work) = event { return work }
      }
      while try other.nextEvent() != nil {}
    }
    throw TimedOut(description: "no exchange was handed out")
  }

  private func handle() -> ConnectionHandle {
    ConnectionHandle(id: "test", eventLoop: MultiThreadedEventLoopGroup.singleton.next())
  }

  @Test func theQueueHasAnEndExceptForPeopleWhoAreSignedIn() async throws {
    let work = try expensiveWork()
    let pool = KeyExchangePool()
    pool.start()
    let connection = handle()
    let taken = (0..<1000).filter { _ in pool.compute(work, isSignedIn: false, for: connection) { _, _ in } }.count
    // A few were done meanwhile.
    #expect(taken >= KeyExchangePool.mostUnproved && taken < 1000, "\(taken)")
    #expect(pool.compute(work, isSignedIn: true, for: connection) { _, _ in })
    connection.markGone()
    await pool.stop()
    #expect(pool.unprovedCount == 0)
  }

  @Test func whatNobodyWaitsForIsNotComputed() async throws {
    let work = try expensiveWork()
    let pool = KeyExchangePool()
    pool.start()
    let gone = handle()
    gone.markGone()
    let clock = ContinuousClock()
    let once = try clock.measure { _ = try work.run() }
    let begun = clock.now
    for _ in 0..<200 { #expect(pool.compute(work, isSignedIn: false, for: gone) { _, _ in }) }
    while pool.unprovedCount > 0 { try await Task.sleep(for: .milliseconds(1)) }
    // Two hundred of them would have taken two hundred times as long, over the pool's threads.
    #expect(clock.now - begun < once * 200 / KeyExchangePool.threads)
    await pool.stop()
  }

  @Test func thePoolIsSmall() {
    #expect(KeyExchangePool.threads <= 2 * System.coreCount)
  }
}
