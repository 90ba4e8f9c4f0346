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
    let due = [window.consume(60_000), window.consume(10_000)]
    let credit = window.settle(now: 1, roundTrip: 1, usual: 256 * 1024, isShort: false).credit
    let rest = window.consume(1_000_000)
    #expect(first)
    #expect(due == [false, true])
    #expect(credit == 70_000)
    #expect(!rest)
    #expect(window.unconsumed == 0)
    #expect(window.remaining == 256 * 1024 - 30_000)
    let taken = [window.receive(256 * 1024), window.receive(256 * 1024 - 30_000), window.receive(1)]
    #expect(taken == [false, true, false])
    let negative = window.consume(-5)
    #expect(!negative)
  }

  /// Passes four windows of 100,000 bytes, a quarter at a time; how often growth was asked for.
  private func used(_ window: inout ReceiveWindow, quarter: UInt64, roundTrip: UInt64, isShort: Bool = false) -> Int {
    var asked = 0
    var now: UInt64 = 0
    for _ in 0..<16 {
      now += quarter
      let count = Int(window.remaining / 4)
      guard window.receive(count), window.consume(count) else { continue }
      if window.settle(now: now, roundTrip: roundTrip, usual: 100_000, isShort: isShort).isLimiting { asked += 1 }
    }
    return asked
  }

  @Test("a window that holds a quick consumer back is doubled, a slow one's is not")
  func growth() {
    var quick = ReceiveWindow(size: 400_000, now: 0)
    var slow = ReceiveWindow(size: 400_000, now: 0)
    #expect(used(&quick, quarter: 250, roundTrip: 1000) > 0)
    #expect(used(&slow, quarter: 2500, roundTrip: 1000) == 0)
    let grown = [quick.grow(by: .max), quick.grow(by: 100_000)]
    #expect(grown == [false, true])
  }

  @Test("a window far larger than its consumer needs shrinks to the usual size; so does any when memory is short")
  func shrinking() {
    var large = ReceiveWindow(size: 8_000_000, now: 0)
    _ = used(&large, quarter: 1_000_000, roundTrip: 1000)
    #expect(large.size < 1_000_000)
    #expect(large.size >= 100_000)
    var short = ReceiveWindow(size: 8_000_000, now: 0)
    let asked = used(&short, quarter: 250, roundTrip: 1000, isShort: true)
    #expect(short.size < 1_000_000)
    #expect(asked >= 0)
    var busy = ReceiveWindow(size: 8_000_000, now: 0)
    _ = used(&busy, quarter: 250, roundTrip: 1000)
    #expect(busy.size == 8_000_000)
  }

  @Test("gibibytes are counted exactly, across every power of two that a number could wrap at")
  func manyGibibytes() throws {
    var window = ReceiveWindow(size: 8 << 20, now: 0)
    var received: UInt64 = 0
    var announced: UInt64 = 8 << 20
    let goal: UInt64 = 9 << 30
    while received < goal {
      let count = min(Int(window.remaining), 1 << 20)
      let took = window.receive(count)
      try #require(took)
      received += UInt64(count)
      if window.consume(count) {
        announced += UInt64(window.settle(now: received, roundTrip: 1 << 40, usual: 8 << 20, isShort: false).credit)
      }
      try #require(UInt64(window.remaining) == announced - received)
      try #require(window.remaining + window.unconsumed + window.owed == window.size)
    }
    #expect(received == goal)

    let channel = Channel(
      id: there, state: .open, isOurs: true, isSession: false, window: ReceiveWindow(size: 1, now: 0))
    channel.peerAnnounced(window: .max, maximumPacket: .max)
    #expect(channel.maximumPacket == Channel.largestPiece)
    #expect(channel.extendSendWindow(by: 0))
    #expect(!channel.extendSendWindow(by: 1))
    channel.sendWindow -= 1 << 31
    #expect(channel.extendSendWindow(by: 1 << 31))
    #expect(channel.sendWindow == .max)
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
    let (pair, id) = try opened(server: { $0.channels.initialWindow = 10 })
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
    let (pair, id) = try opened(
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

  @Test("what all windows of all connections announce stays below their memory's limit; the last are small")
  func sharedMemory() throws {
    let memory = WindowMemory(limit: 1 << 20)
    func pair() -> ConnectionPair {
      ConnectionPair(server: {
        $0.channels.windowMemory = memory
        $0.limits.sessions = 100
      }).start()
    }
    do {
      let pairs = [pair(), pair()]
      for pair in pairs {
        for _ in 0..<20 { _ = pair.client.openChannel(.session) }
        pair.run()
      }
      #expect(memory.reserved <= 1 << 20)
      #expect(memory.reserved > 900_000)
      let refused = pairs.flatMap(\.clientEvents).compactMap { event -> UInt32? in
        if case .channelOpenFailed(_, let reason, _) = event { reason } else { nil }
      }
      #expect(!refused.isEmpty && refused.allSatisfy { $0 == 4 })
      pairs[0].server.transportClosed()
      #expect(memory.reserved == pairs[1].announcedByServer)
    }
    #expect(memory.reserved == 0)
  }

  /// 100 ms there and back, 5 ms at a time. What the client sent and the server consumed in each round trip.
  private func overLongPath(_ pair: ConnectionPair, roundTrips: Int) -> [Int] {
    var toServer: [(at: UInt64, ByteBuffer)] = []
    var toClient: [(at: UInt64, ByteBuffer)] = []
    var counts: [Int] = []
    for _ in 0..<roundTrips {
      let before = pair.serverCount
      for _ in 0..<20 {
        pair.time.advance(by: .milliseconds(5))
        let now = pair.time.now
        while let first = toServer.first, first.at <= now {
          toServer.removeFirst()
          pair.feedServer(first.1)
        }
        while let first = toClient.first, first.at <= now {
          toClient.removeFirst()
          pair.feedClient(first.1)
        }
        while true {
          let bytes = pair.takeClient()
          if bytes.isEmpty { break }
          toServer += bytes.map { (now + .milliseconds(50), $0) }
        }
        toClient += pair.takeServer().map { (now + .milliseconds(50), $0) }
      }
      counts.append(pair.serverCount - before)
    }
    return counts
  }

  @Test(
    "over 100 ms a download's window grows to 8 MiB within a second and a half, and a slow consumer's does not grow")
  func longPath() throws {
    let pair = ConnectionPair(client: { $0.channels.sendQueueHardLimit = 1 << 30 })
    pair.keepsData = false
    pair.server.start()
    pair.client.start()
    _ = overLongPath(pair, roundTrips: 8)
    try #require(pair.isSignedIn)
    let roundTrip = try #require(pair.serverRoundTrip)
    #expect(roundTrip >= .milliseconds(100) && roundTrip < .milliseconds(130))
    let id = try #require(pair.openByClient(.session))
    let slow = try #require(pair.openByClient(.session))
    _ = overLongPath(pair, roundTrips: 2)
    pair.client.write(ByteBuffer(repeating: 1, count: 80 << 20), to: id)
    let counts = overLongPath(pair, roundTrips: 10)
    let last = try #require(counts.last)
    // A quarter of the window is on its way back as credit.
    #expect(last >= 6 << 20, "\(counts)")
    #expect(pair.announcedByServer == 8 << 20 + 256 << 10)
    pair.consumes = false
    pair.client.closeChannel(id, .now)
    pair.client.write(ByteBuffer(repeating: 1, count: 4 << 20), to: slow)
    _ = overLongPath(pair, roundTrips: 10)
    #expect(pair.announcedByServer == 256 * 1024)
  }
}
