import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("windows")
struct WindowTests {
  private let there = ChannelID(number: 0, generation: 1)

  private func opened(
    server: (inout SSHConfiguration) -> Void = { _ in }, client: (inout SSHConfiguration) -> Void = { _ in }
  ) throws -> (ConnectionPair, ChannelID) {
    let pair = ConnectionPair(server: server, client: client).start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    return (pair, id)
  }

  @Test("credit is saved up and never exceeds what was passed on")
  func arithmetic() {
    var window = ReceiveWindow(size: 256 * 1024, now: 0)
    let first = window.receive(100_000)
    let credits = [window.consume(60_000), window.consume(10_000), window.consume(1_000_000)]
    #expect(first)
    #expect(credits == [nil, 70_000, nil])
    #expect(window.unconsumed == 0)
    #expect(window.remaining == 256 * 1024 - 30_000)
    let taken = [window.receive(256 * 1024), window.receive(256 * 1024 - 30_000), window.receive(1)]
    #expect(taken == [false, true, false])
    let negative = window.consume(-5)
    #expect(negative == nil)
  }

  @Test("a window that holds a quick consumer back is doubled, a slow one's is not")
  func growth() {
    func used() -> ReceiveWindow {
      var window = ReceiveWindow(size: 100_000, now: 0)
      for _ in 0..<4 {
        _ = window.receive(50_000)
        _ = window.consume(50_000)
      }
      return window
    }
    var quick = used()
    var slow = used()
    let limiting = [quick.isLimiting(now: 1000, roundTrip: 1000), slow.isLimiting(now: 10_000, roundTrip: 1000)]
    #expect(limiting == [true, false])
    let grown = [quick.grow(by: .max), quick.grow(by: 100_000)]
    #expect(grown == [0, 100_000])
  }

  @Test("without consumption the sender stops at the window, and goes on when bytes are passed on")
  func backPressure() throws {
    let (pair, id) = try opened()
    pair.consumes = false
    pair.client.write(ByteBuffer(repeating: 7, count: 1_000_000), to: id)
    pair.run()
    #expect(pair.serverReceived.count == 256 * 1024)
    #expect(!pair.clientIsWritable(id))
    #expect(pair.clientQueuedBytes(id) == 1_000_000 - 256 * 1024)
    pair.server.consumed(10_000, from: there)
    pair.run()
    #expect(pair.serverReceived.count == 256 * 1024)
    pair.server.consumed(90_000, from: there)
    pair.run()
    #expect(pair.serverReceived.count == 256 * 1024 + 100_000)
    pair.consumes = true
    pair.server.consumed(.max, from: there)
    pair.run()
    #expect(pair.serverReceived.count == 1_000_000)
    #expect(pair.clientEvents.contains { $0.name == "channelWritable" })
    #expect(pair.clientIsWritable(id))
  }

  @Test("one byte over the window, or a piece over the maximum packet, ends the connection")
  func overrun() throws {
    for count in [16 * 1024 + 1, 40_000] {
      let (pair, _) = try opened(server: { $0.channels.initialWindow = 16 * 1024 })
      var payload = ByteBuffer()
      payload.writeInteger(MessageNumber.channelData)
      payload.writeInteger(UInt32(0))
      payload.writeSSHString([UInt8](repeating: 1, count: count))
      pair.inject(payload.bytes)
      pair.run()
      #expect(pair.serverError?.kind == .channel)
    }
  }

  @Test("a window beyond 2^32 ends the connection; up to it is fine; a maximum packet of 0 is refused")
  func overflow() throws {
    func adjust(_ count: UInt32) -> [UInt8] {
      [MessageNumber.channelWindowAdjust, 0, 0, 0, 0]
        + withUnsafeBytes(of: count.bigEndian) { Array($0) }
    }
    let (full, _) = try opened()
    full.inject(adjust(.max - 256 * 1024))
    full.run()
    #expect(full.serverError == nil)
    full.inject(adjust(1))
    full.run()
    #expect(full.serverError?.kind == .channel)

    let zero = ConnectionPair().start()
    var open = ByteBuffer()
    ChannelOpenMessage.write(.session, sender: 0, window: .max, maximumPacket: 0, into: &open)
    zero.inject(open.bytes)
    zero.run()
    #expect(zero.serverError?.kind == .malformed)
  }

  @Test("a peer with a window and packets of one byte is served, slowly")
  func tinyPeer() throws {
    let (pair, id) = try opened(client: {
      $0.channels.initialWindow = 100
      $0.channels.maximumPacket = 1
    })
    _ = id
    pair.server.write(ByteBuffer(string: "hello"), to: there)
    pair.run()
    #expect(String(decoding: pair.clientReceived, as: UTF8.self) == "hello")
    #expect(pair.clientEvents.count { $0.name == "channelData" } == 5)
  }

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
      let (pair, _) = try opened()
      for _ in 0..<1001 { pair.inject(payload) }
      pair.run()
      #expect(pair.serverError?.kind == .limit)
    }
  }

  @Test("random programs on both sides: bytes in are bytes out, windows hold, nothing is left over", arguments: 0..<6)
  func programs(seed: Int) throws {
    var generator = SeededGenerator(UInt64(seed &* 77))
    let pair = ConnectionPair(
      server: {
        $0.rekey.bytes = 300_000
        $0.channels.initialWindow = 40_000
        $0.limits.sessions = 1000
      }, client: { $0.channels.initialWindow = 50_000 })
    var chunks = SeededGenerator(UInt64(seed))
    pair.chunk = { .random(in: 1...20_000, using: &chunks) }
    pair.start()
    var ids: [ChannelID] = []
    var sent = 0
    for _ in 0..<150 {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0 where ids.count < 8:
        if let id = pair.client.openChannel(.session) { ids.append(id) }
      case 1 where ids.count > 1:
        let id = ids.remove(at: .random(in: 0..<ids.count, using: &generator))
        pair.client.closeChannel(id)
      case 2:
        pair.run()
      default:
        guard let id = ids.randomElement(using: &generator) else { continue }
        let count = Int.random(in: 1...60_000, using: &generator)
        pair.client.write(ByteBuffer(repeating: 5, count: count), to: id)
        sent += count
      }
    }
    for id in ids { pair.client.closeChannel(id) }
    pair.run()
    #expect(pair.serverError == nil)
    #expect(pair.clientError == nil)
    #expect(pair.serverReceived.count == sent)
    #expect(pair.serverChannels == 0)
    #expect(pair.clientChannels == 0)
  }
}
