import NIOCore
import TestSupport
import Testing

@testable import HTTPWire

/// Whatever the order of what happens, nobody is forgotten and nothing is counted twice.
@Suite struct HTTP2SchedulingTests {
  private var peer: RawPeer
  private var generator: SeededGenerator
  private var last: UInt32 = 0
  /// Whom the owner waits for: told that they are not writable.
  private var held: Set<UInt32> = []

  init() throws {
    peer = try RawPeer()
    generator = SeededGenerator(0)
  }

  private mutating func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

  private func word(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }

  private mutating func someStream() -> UInt32? {
    peer.connection.streams.keys.sorted().randomElement(using: &generator)
  }

  private mutating func field() -> String {
    ["u=\(random(0...9))", "u=\(random(0...7)), i", "i", "u=1, i=?0", "u=(1", ""].randomElement(using: &generator) ?? ""
  }

  private mutating func step() throws {
    // Budgets are not what is tested.
    peer.now += 1_000_000_000
    switch random(0...11) {
    case 0, 1:
      last += 2 * UInt32(random(1...2)) - (last == 0 ? 1 : 0)
      try peer.headers(last, RawPeer.get + (Bool.random(using: &generator) ? [("priority", field())] : []))
      peer.connection.sendHead(last, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    case 2, 3, 4:
      guard let id = someStream() else { return }
      peer.connection.sendBody(id, ByteBuffer(repeating: 1, count: random(1...90_000)))
      if !peer.connection.isWritable(id) { held.insert(id) }
    case 5:
      guard let id = someStream() else { return }
      peer.connection.sendEnd(id, trailers: Bool.random(using: &generator) ? HeaderList([("a", "b")]) : nil)
    case 6:
      let id = Int(last) + 2 * random(-8...4)
      if id > 0 { try peer.send(16, stream: 0, word(id | 1) + Array(field().utf8)) }
    case 7:
      guard let id = someStream() else { return }
      if Bool.random(using: &generator) {
        peer.connection.reset(id, .cancel)
      } else {
        try peer.send(3, stream: id, word(8))
      }
    case 8: try peer.send(8, stream: 0, word(random(1...200_000)))
    case 9:
      guard let id = someStream() else { return }
      try peer.send(8, stream: id, word(random(1...100_000)))
    case 10:
      try peer.send(settings: [(4, UInt32([0, 1, 1000, 65_535, 200_000].randomElement(using: &generator) ?? 0))])
    default: _ = peer.connection.takeOutbound(limit: random(0...60_000))
    }
    take(peer.events())
  }

  private mutating func take(_ events: [HTTP2Event]) {
    for event in events { if case .writable(let id) = event { held.remove(id) } }
  }

  private func check(_ step: Int) {
    let connection = peer.connection
    let inTurn = connection.streams.filter(\.value.isInTurn).map(\.key)
    let inOrder = (0..<connection.order.count).map { connection.order.stream(at: $0) }
    #expect(inTurn.sorted() == inOrder.sorted(), "step \(step)")
    #expect(connection.queued == connection.streams.values.reduce(0) { $0 + $1.queued }, "step \(step)")
    // Whoever could send stands in the order.
    for (id, stream) in connection.streams where stream.hasSomethingToSend && !stream.isInTurn {
      #expect(stream.queued > 0 && stream.sendWindow <= 0, "step \(step), stream \(id)")
    }
    #expect(connection.announcedPriorities.count <= connection.limits.concurrentStreams, "step \(step)")
  }

  @Test(arguments: 1...4) mutating func nobodyIsForgotten(_ seed: UInt64) throws {
    generator = SeededGenerator(seed)
    for number in 0..<1000 {
      try step()
      check(number)
      if peer.connection.streams.count > 40, let id = someStream() { peer.connection.reset(id, .cancel) }
    }
    // With room enough everything leaves, and all who were told to wait are told to go on.
    for _ in 0..<200 {
      peer.now += 1_000_000_000
      if peer.connection.sendWindow < 1 << 29 { try peer.send(8, stream: 0, word(1 << 28)) }
      for (id, stream) in peer.connection.streams where stream.sendWindow < 1 << 28 {
        try peer.send(8, stream: id, word(1 << 27))
      }
      _ = peer.frames()
      take(peer.events())
    }
    #expect(peer.connection.order.count == 0 && peer.connection.queued == 0)
    #expect(held.filter { peer.connection.streams[$0]?.takesBody == true } == [])
  }
}
