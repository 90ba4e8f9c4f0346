import Testing

@testable import EdgeCrypto

/// When a server hands out a session ticket. That it is good for resuming is seen in `TLSPeerTests`.
@Suite struct TicketTests {
  private let fixture: TLSFixture

  init() throws { fixture = try TLSFixture.made.get() }

  /// Header 5, content type 1, tag 16.
  private static let recordOverhead = 22

  @Test func oneComesWithTheFirstData() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.client.send([1])
    pair.run()
    #expect(pair.server.received == [1])
    let data = SecureRandom.bytes(100)
    pair.server.send([])
    #expect(pair.server.outbound.isEmpty)
    pair.server.send(data)
    let first = pair.server.outbound.count
    #expect(first > 2 * Self.recordOverhead + data.count + 64)
    pair.run()
    pair.server.send(data)
    #expect(pair.server.outbound.count == Self.recordOverhead + data.count)
    pair.run()
    #expect(pair.client.received == data + data)
    #expect(pair.client.engine.failure == nil)
  }

  @Test func whoeverLeavesFirstGetsNone() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.run()
    pair.server.close()
    // An alert of two bytes.
    #expect(pair.server.outbound.count == Self.recordOverhead + 2)
    pair.run()
    #expect(pair.client.status == .closedByPeer)
  }

  @Test(arguments: [
    ([1, 1], true), ([2, 0, 1], true), ([1, 0], false), ([], false), ([0], false), ([2, 1], false), ([1, 1, 1], false),
  ])
  func onlyForClientsThatCanUseIt(extensionData: [UInt8], isWanted: Bool) {
    #expect(TLSServerContext.takesTickets(kexModes: extensionData) == isWanted)
  }
}
