import NIOCore
import TestSupport
import Testing

@testable import SSHProtocol

/// Random programs on both sides of a connection against a model: bytes in are bytes out, windows keep their promises,
/// nothing is left over.
@Suite("channel programs")
struct ChannelProgramTests {
  /// One channel, as both sides should see it.
  private struct Link {
    /// Ids at the client and at the server; nil until that side knows of it.
    var ids: [ChannelID?] = [nil, nil]
    var written = [0, 0]
    var received = [0, 0]
    var unconsumed = [0, 0]
    var hasFinished = [false, false]
    var isOver = [false, false]
    /// Somebody closed or dropped: what arrives need only be a beginning.
    var isLossy = false
  }

  private final class Program {
    let pair: ConnectionPair
    var links: [Link] = []
    var random: SeededGenerator
    /// The other side learns of opens in their order.
    var openedBy: [[Int]] = [[], []]
    var heardOf = [0, 0]
    private var steps = 0
    let memory = WindowMemory(limit: 3 << 20)

    init(seed: UInt64) {
      random = SeededGenerator(seed)
      let memory = memory
      pair = ConnectionPair(
        server: {
          $0.rekey.bytes = 400_000
          $0.channels.initialWindow = 40_000
          $0.channels.maximumWindow = 500_000
          $0.channels.windowLimit = 2 << 20
          $0.channels.windowMemory = memory
          $0.limits.sessions = 1000
          $0.keepalive = nil
        },
        client: {
          $0.channels.initialWindow = 70_000
          $0.channels.maximumPacket = 5000
          $0.keepalive = nil
        })
      pair.consumes = false
      var cuts = SeededGenerator(seed &+ 1)
      pair.chunk = { .random(in: 1...30_000, using: &cuts) }
      pair.start()
      pair.clientEvents = []
      pair.serverEvents = []
    }

    private static let pattern = ByteBuffer(bytes: (0..<70_000).map { UInt8(truncatingIfNeeded: $0) })

    /// What this side says on this link at this place.
    private func speech(_ link: Int, _ side: Int, at offset: Int, count: Int) -> ByteBuffer {
      Self.pattern.getSlice(at: (link * 7 + side + offset) & 255, length: count) ?? ByteBuffer()
    }

    func step() throws {
      let side = Int.random(in: 0...1, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0, 1:
        if links.count < 40 { open(side) }
      case 2: move()
      case 3: if Int.random(in: 0..<4, using: &random) == 0 { rekey(side) }
      default:
        guard let number = links.indices.randomElement(using: &random), let id = links[number].ids[side],
          !links[number].isOver[side]
        else { return }
        act(number, side, id)
      }
      pair.time.advance(by: UInt64.random(in: 0...3_000_000, using: &random))
      steps += 1
      if steps.isMultiple(of: 8) { try check() }
    }

    private func open(_ side: Int) {
      let id =
        side == 0
        ? pair.openByClient(.session)
        : pair.openByServer(
          .forwardedTCPIP(connectedHost: "a", connectedPort: 1, originatorHost: "::1", originatorPort: 2))
      guard let id else { return }
      var link = Link()
      link.ids[side] = id
      openedBy[side].append(links.count)
      links.append(link)
    }

    private func rekey(_ side: Int) { if side == 0 { pair.client.startRekey() } else { pair.server.startRekey() } }

    private func act(_ number: Int, _ side: Int, _ id: ChannelID) {
      switch Int.random(in: 0..<40, using: &random) {
      case 0:
        links[number].isLossy = true
        close(side, id, .now)
      case 1:
        links[number].isLossy = true
        close(side, id, .afterQueued)
      case 2: finish(number, side, id)
      case 3:
        request(side, id, .other(type: "winadj@putty.projects.tartarus.org", data: []), wantsReply: true)
      case 4:
        if Int.random(in: 0..<5, using: &random) == 0 {
          links[number].isLossy = true
          request(side, id, .endOfWrite, wantsReply: false)
        }
      case 5..<20: consume(number, side, id, upTo: Int.random(in: 0...60_000, using: &random))
      default: write(number, side, id, Int.random(in: 0...30_000, using: &random))
      }
    }

    private func request(_ side: Int, _ id: ChannelID, _ request: ChannelRequest, wantsReply: Bool) {
      if side == 0 {
        pair.client.sendChannelRequest(request, on: id, wantsReply: wantsReply)
      } else {
        pair.server.sendChannelRequest(request, on: id, wantsReply: wantsReply)
      }
    }

    private func write(_ number: Int, _ side: Int, _ id: ChannelID, _ count: Int) {
      guard !links[number].hasFinished[side], !links[number].isLossy else { return }
      let start = links[number].written[side]
      let bytes = speech(number, side, at: start, count: count)
      if side == 0 { pair.client.write(bytes, to: id) } else { pair.server.write(bytes, to: id) }
      links[number].written[side] += count
    }

    func finish(_ number: Int, _ side: Int, _ id: ChannelID) {
      links[number].hasFinished[side] = true
      if side == 0 { pair.client.finishWriting(id) } else { pair.server.finishWriting(id) }
    }

    func close(_ side: Int, _ id: ChannelID, _ how: ChannelClosing) {
      if side == 0 { pair.client.closeChannel(id, how) } else { pair.server.closeChannel(id, how) }
    }

    func consume(_ number: Int, _ side: Int, _ id: ChannelID, upTo most: Int) {
      let count = min(most, links[number].unconsumed[side])
      links[number].unconsumed[side] -= count
      if side == 0 { pair.client.consumed(count, from: id) } else { pair.server.consumed(count, from: id) }
    }

    func move() {
      pair.run()
      take(pair.clientEvents, at: 0)
      take(pair.serverEvents, at: 1)
      pair.clientEvents = []
      pair.serverEvents = []
    }

    private func take(_ events: [SSHEvent], at side: Int) {
      for event in events {
        switch event {
        case .channelOpenRequested(let id, _):
          links[openedBy[1 - side][heardOf[side]]].ids[side] = id
          heardOf[side] += 1
        case .channelOpenFailed(let id, _, _):
          guard let number = number(of: id, side) else { continue }
          links[number].isOver = [true, true]
          // The other side never had it.
          heardOf[1 - side] += 1
        case .channelData(let id, let bytes):
          guard let number = number(of: id, side) else { continue }
          let start = links[number].received[side]
          if bytes != speech(number, 1 - side, at: start, count: bytes.readableBytes) {
            Issue.record("wrong bytes on link \(number) from \(start)")
          }
          links[number].received[side] += bytes.readableBytes
          links[number].unconsumed[side] += bytes.readableBytes
        case .channelClosed(let id, _):
          if let number = number(of: id, side) { links[number].isOver[side] = true }
        default: break
        }
      }
    }

    private func number(of id: ChannelID, _ side: Int) -> Int? { links.firstIndex { $0.ids[side] == id } }

    /// What must hold at any time.
    func check() throws {
      try #require(pair.serverError == nil && pair.clientError == nil)
      try #require(pair.holdsWindows())
      try #require(memory.reserved == pair.announcedByServer && memory.reserved <= memory.limit)
      for link in links {
        try #require(link.received[0] <= link.written[1] && link.received[1] <= link.written[0])
      }
    }

    /// Everything still open ends in order; everything written then has arrived.
    func conclude() throws {
      move()
      for number in links.indices {
        for side in 0...1 where !links[number].hasFinished[side] {
          if let id = links[number].ids[side], !links[number].isOver[side] { finish(number, side, id) }
        }
      }
      var before = -1
      var now = 0
      while now != before {
        before = now
        move()
        for number in links.indices {
          for side in 0...1 { if let id = links[number].ids[side] { consume(number, side, id, upTo: .max) } }
        }
        move()
        now = links.reduce(0) { $0 + $1.received[0] + $1.received[1] }
        try check()
      }
      for link in links where !link.isLossy && link.ids.allSatisfy({ $0 != nil }) {
        #expect(link.received == [link.written[1], link.written[0]])
      }
      for link in links { if let id = link.ids[0], !link.isOver[0] { close(0, id, .afterQueued) } }
      for link in links where link.ids[0] == nil { if let id = link.ids[1] { close(1, id, .now) } }
      move()
      #expect(pair.serverChannels == 0 && pair.clientChannels == 0)
      #expect(pair.announcedByServer == 0 && memory.reserved == 0 && pair.announcedByClient == 0)
      #expect(pair.queuedCosts == [0, 0])
    }
  }

  @Test("random programs: bytes in are bytes out, windows hold, nothing is left over", arguments: 0..<12)
  func programs(seed: Int) throws {
    let program = Program(seed: UInt64(seed &* 7919 &+ 1))
    for _ in 0..<400 { try program.step() }
    try program.conclude()
    let total = program.links.reduce(0) { $0 + $1.received[0] + $1.received[1] }
    #expect(total > 100_000, "a program that says nothing proves nothing")
  }
}

extension ConnectionPair {
  /// The parts of every window add up, on both sides, and nobody has more outstanding than was announced.
  func holdsWindows() -> Bool {
    var sums = true
    for (own, other) in [
      (server.channels.channels.all, client.channels.channels.all),
      (client.channels.channels.all, server.channels.channels.all),
    ] {
      for channel in own {
        let window = channel.window
        if window.remaining + window.unconsumed + window.owed != window.size { sums = false }
        guard channel.isOpen, !channel.sentClose,
          let peer = other.first(where: { $0.id.number == channel.peerNumber && $0.peerNumber == channel.id.number }),
          peer.isOpen, !peer.sentClose
        else { continue }
        if peer.sendWindow > window.size { sums = false }
      }
    }
    return sums
  }

  var queuedCosts: [Int] { [client.channels.queuedCost, server.channels.queuedCost] }
}
