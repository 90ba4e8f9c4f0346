import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("windows")
struct WindowTests {
  private let there = ChannelID(number: 0, generation: 1)

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
    let (pair, id) = try ConnectionPair.withSession()
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
      let (pair, _) = try ConnectionPair.withSession(server: { $0.channels.initialWindow = 16 * 1024 })
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
    let (full, _) = try ConnectionPair.withSession()
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
    let (pair, id) = try ConnectionPair.withSession(client: {
      $0.channels.initialWindow = 100
      $0.channels.maximumPacket = 1
    })
    _ = id
    pair.server.write(ByteBuffer(string: "hello"), to: there)
    pair.run()
    #expect(String(decoding: pair.clientReceived, as: UTF8.self) == "hello")
    #expect(pair.clientEvents.count { $0.name == "channelData" } == 5)
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
