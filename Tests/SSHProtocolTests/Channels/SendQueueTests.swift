import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("what waits to be sent")
struct SendQueueTests {
  @Test("channels take turns: a bulky one does not keep a small one waiting")
  func fairness() throws {
    let pair = ConnectionPair().start()
    let bulky = try #require(pair.openByClient(.session))
    let small = try #require(pair.openByClient(.session))
    pair.run()
    pair.client.write(ByteBuffer(repeating: 1, count: 200_000), to: bulky)
    pair.client.write(ByteBuffer(string: "small"), to: small)
    pair.serverEvents.removeAll()
    pair.run()
    let order = pair.serverEvents.compactMap { event -> UInt32? in
      if case .channelData(let id, _) = event { id.number } else { nil }
    }
    #expect(order.prefix(3).contains(1))
  }

  @Test("empty DATA and adjusts by nothing are bounded")
  func empties() throws {
    for payload in [
      [MessageNumber.channelData, 0, 0, 0, 0, 0, 0, 0, 0], [MessageNumber.channelWindowAdjust, 0, 0, 0, 0, 0, 0, 0, 0],
    ] as [[UInt8]] {
      let (pair, _) = try ConnectionPair.withSession()
      for _ in 0..<1001 { pair.inject(payload) }
      pair.run()
      #expect(pair.serverError?.kind == .limit)
    }
  }

  @Test("a channel's turn is a packet's worth of bytes, however small its pieces, and they share packets")
  func smallPieces() throws {
    let pair = ConnectionPair().start()
    let bulky = try #require(pair.openByClient(.session))
    let crumbs = try #require(pair.openByClient(.session))
    pair.run()
    pair.client.write(ByteBuffer(repeating: 1, count: 200_000), to: bulky)
    for _ in 0..<300 { pair.client.write(ByteBuffer(repeating: 2, count: 100), to: crumbs) }
    pair.serverEvents.removeAll()
    pair.run()
    let order = pair.serverEvents.compactMap { event -> (UInt32, Int)? in
      if case .channelData(let id, let bytes) = event { (id.number, bytes.readableBytes) } else { nil }
    }
    // All crumbs in one packet, in the second turn.
    #expect(order.prefix(3).contains { $0 == (1, 30_000) })
    #expect(pair.serverCount == 230_000)
  }

  @Test("pieces that wait count for what they cost to keep")
  func crumbsCost() throws {
    let (pair, id) = try ConnectionPair.withSession(server: { $0.channels.initialWindow = 10 })
    var written = 0
    while pair.clientIsWritable(id), written < 100_000 {
      pair.client.write(ByteBuffer(repeating: 1, count: 1), to: id)
      written += 1
    }
    #expect(written == 64 * 1024 / 129 + 1)
    pair.run()
    #expect(pair.serverCount == written)
    #expect(pair.clientIsWritable(id))
    #expect(pair.clientEvents.contains { $0.name == "channelWritable" })
  }

  @Test("channels whose far ends take nothing do not hold up the others, however much waits for them")
  func stalledNeighbours() throws {
    let pair = ConnectionPair(
      server: { $0.channels.initialWindow = 20_000 }, client: { $0.channels.sendQueueSoftLimit = 100_000 })
    pair.start()
    pair.consumes = false
    let ids = try (0..<3).map { _ in try #require(pair.openByClient(.session)) }
    pair.run()
    for id in ids.dropLast() { pair.client.write(ByteBuffer(repeating: 1, count: 70_000), to: id) }
    pair.run()
    #expect(pair.serverCount == 40_000)
    #expect(pair.clientIsWritable(ids[2]) && !pair.clientIsWritable(ids[0]))
    pair.client.write(ByteBuffer(repeating: 1, count: 17_000), to: ids[2])
    #expect(!pair.clientIsWritable(ids[2]))
    pair.run()
    #expect(pair.serverCount == 57_000 && pair.clientIsWritable(ids[2]))
    var told: [UInt32] = []
    while let event = try pair.client.nextEvent() {
      if case .channelWritable(let id) = event { told.append(id.number) }
    }
    #expect(told == [ids[2].number])
  }

  @Test("above the soft limit of the send queue all have a little, and everybody is told when they may go on")
  func softLimit() throws {
    let pair = ConnectionPair(
      server: { $0.channels.initialWindow = 1000 },
      client: {
        $0.channels.sendQueueSoftLimit = 100_000
        $0.channels.sendQueueHardLimit = 200_000
      })
    pair.start()
    pair.consumes = false
    let ids = try (0..<3).map { _ in try #require(pair.openByClient(.session)) }
    pair.run()
    pair.client.write(ByteBuffer(repeating: 1, count: 60_000), to: ids[0])
    #expect(pair.clientIsWritable(ids[2]))
    pair.client.write(ByteBuffer(repeating: 1, count: 20_000), to: ids[2])
    #expect(pair.clientIsWritable(ids[2]))
    pair.client.write(ByteBuffer(repeating: 1, count: 60_000), to: ids[1])
    #expect(!pair.clientIsWritable(ids[2]))
    pair.run()
    pair.clientEvents.removeAll()
    pair.client.closeChannel(ids[0], .now)
    pair.client.closeChannel(ids[1], .now)
    pair.run()
    #expect(pair.clientIsWritable(ids[2]))
    let told = pair.clientEvents.compactMap { event -> UInt32? in
      if case .channelWritable(let id) = event { id.number } else { nil }
    }
    #expect(told.contains(ids[2].number))
    #expect(pair.clientError == nil)
  }

  @Test("a peer that reads nothing is given up at the hard limit")
  func hardLimit() throws {
    let (pair, id) = try ConnectionPair.withSession(
      server: { $0.channels.initialWindow = 1000 },
      client: {
        $0.channels.sendQueueSoftLimit = 100_000
        $0.channels.sendQueueHardLimit = 200_000
      })
    pair.consumes = false
    pair.run()
    for _ in 0..<4 { pair.client.write(ByteBuffer(repeating: 1, count: 60_000), to: id) }
    pair.run()
    pair.inject([])
    do {
      pair.client.sealQueuedData(limit: 1)
      _ = try pair.client.nextEvent()
      Issue.record("still there")
    } catch {
      #expect(error.kind == .limit)
    }
  }
}
