import NIOCore
import Testing

@testable import HTTPWire

/// RFC 9218, as far as it concerns a server.
@Suite struct HTTP2PriorityTests {
  private func priority(_ fields: String...) -> [Int] {
    var priority = HTTP2Priority.usual
    for field in fields { priority.apply(Array(field.utf8)[...]) }
    return [Int(priority.urgency), priority.isIncremental ? 1 : 0]
  }

  @Test func whatAFieldSays() {
    #expect(priority() == [3, 0])
    #expect(priority("u=0, i") == [0, 1])
    #expect(priority("i=?1;x=2,u=7;y") == [7, 1])
    #expect(priority("u=2, i=?0") == [2, 0])
    #expect(priority("uu=1, ii, x=\"u=1\"") == [3, 0])
    // Section 4: what makes no sense is not there.
    #expect(priority("u=8, i") == [3, 1])
    #expect(priority("u=-1") == [3, 0])
    #expect(priority("u=1.0, i=1") == [3, 0])
    #expect(priority("u, i") == [3, 1])
    // The last one counts (RFC 9651 section 3.2), over all fields of the name.
    #expect(priority("u=1, u=5") == [5, 0])
    #expect(priority("u=1", "i") == [1, 1])
    // What is no dictionary says nothing at all.
    #expect(priority("u=1, i, ,") == [3, 0])
    #expect(priority("u=1", "i=") == [1, 0])
  }

  // MARK: The order of frames

  /// A visitor whose requests 1, 3, 5 … ask for these priorities; nil for no word of it. Each has `count` bytes to be sent.
  private func visitor(_ fields: [String?], settings: [(UInt16, UInt32)] = [], bytes: Int = 60_000) throws -> RawPeer {
    var peer = try RawPeer()
    try peer.send(settings: settings + [(4, 1 << 24)])
    _ = peer.events()
    _ = peer.frames()
    for (index, field) in fields.enumerated() {
      try peer.headers(UInt32(2 * index + 1), RawPeer.get + (field.map { [("priority", $0)] } ?? []))
    }
    for index in fields.indices {
      answer(&peer, UInt32(2 * index + 1), bytes)
    }
    _ = peer.frames().of(0)
    return peer
  }

  private func answer(_ peer: inout RawPeer, _ id: UInt32, _ bytes: Int) {
    peer.connection.sendHead(id, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    var left = bytes
    while left > 0 {
      peer.connection.sendBody(id, ByteBuffer(repeating: 1, count: min(left, 10_000)))
      left -= 10_000
    }
  }

  /// The streams of the frames that the next so many bytes of window make room for.
  private func next(_ peer: inout RawPeer, _ count: UInt32) throws -> [UInt32] {
    var payload = ByteBuffer()
    payload.writeInteger(count)
    try peer.send(8, stream: 0, Array(payload.readableBytesView))
    return peer.frames().of(0).map(\.stream)
  }

  /// 65,535 bytes have left before the test begins to look: the connection's first window.
  private static let firstWindow = 65_535

  @Test func theMoreUrgentIsSentFirst() throws {
    var peer = try visitor(["u=5", "u=1", "u=3"])
    let sent = try next(&peer, UInt32(3 * 60_000 - Self.firstWindow))
    // Stream 3 has gone already; then 5, then 1.
    #expect(sent.firstIndex(of: 1).map { sent[$0...].allSatisfy { $0 == 1 } } == true)
    #expect(sent.first == 5 && Set(sent) == [5, 1])
  }

  @Test func thoseThatAreOfNoUseInPartsGoOneAfterTheOther() throws {
    var peer = try visitor(["u=3", "u=3", "u=3"])
    let sent = try next(&peer, UInt32(3 * 60_000 - Self.firstWindow))
    #expect(sent == sent.sorted())
    #expect(Set(sent) == [3, 5])
  }

  @Test func thoseThatAreTakeTurns() throws {
    var peer = try visitor(["u=3, i", "u=3, i", "u=3, i"])
    let sent = try next(&peer, UInt32(3 * 60_000 - Self.firstWindow))
    #expect(sent.prefix(6).sorted() == [1, 1, 3, 3, 5, 5])
  }

  @Test func whoNeverSaidAnythingHasTurns() throws {
    var peer = try visitor([nil, nil, nil])
    #expect(try next(&peer, 60_000).prefix(3).sorted() == [1, 3, 5])
  }

  @Test(arguments: [[nil, nil, "u=3"], [nil, nil, nil]] as [[String?]])
  func forWhoKnowsOfThemSilenceHasAMeaning(_ fields: [String?]) throws {
    // SETTINGS_NO_RFC7540_PRIORITIES.
    var peer = try visitor(fields, settings: [(9, 1)])
    let sent = try next(&peer, UInt32(3 * 60_000 - Self.firstWindow))
    #expect(sent == sent.sorted())
  }

  /// However much there is that is more urgent.
  @Test func nobodyWaitsForEver() throws {
    var peer = try visitor(["u=0", "u=7", "u=7, i", "u=3"], bytes: 60_000)
    var counts: [UInt32: Int] = [:]
    for _ in 0..<200 {
      peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 60_000))
      peer.connection.sendBody(7, ByteBuffer(repeating: 1, count: 60_000))
      for id in try next(&peer, 16_000) { counts[id, default: 0] += 1 }
      _ = peer.events()
    }
    let frames = counts.values.reduce(0, +)
    #expect(counts[1, default: 0] * 16 >= frames * 14)
    // 60,000 bytes are four frames, and the last may be cut in two.
    for id: UInt32 in [3, 5] { #expect((3...6).contains(counts[id, default: 0])) }
  }

  @Test func theFirstHasMoreReadyThanOthers() throws {
    var peer = try visitor(["u=0", "u=5"], bytes: 0)
    _ = try next(&peer, 1)
    for id: UInt32 in [3, 1] {
      for _ in 0..<4 { peer.connection.sendBody(id, ByteBuffer(repeating: 1, count: 20_000)) }
    }
    #expect(peer.connection.isWritable(1) && !peer.connection.isWritable(3))
    for _ in 0..<10 { peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 20_000)) }
    #expect(!peer.connection.isWritable(1))
    // It is asked for more while there is enough left of it to keep the others waiting.
    _ = try next(&peer, 60_000)
    #expect(peer.connection.isWritable(1) && !peer.connection.isWritable(3))
    // 280,000 bytes, of which one frame in sixteen is the other's.
    #expect(try next(&peer, 60_000).allSatisfy { $0 == 1 })
  }

  // MARK: PRIORITY_UPDATE

  private func update(_ id: UInt32, _ field: String) -> [UInt8] {
    [UInt8(id >> 24 & 0xFF), UInt8(id >> 16 & 0xFF), UInt8(id >> 8 & 0xFF), UInt8(id & 0xFF)] + Array(field.utf8)
  }

  @Test func anUpdateMovesAStreamThatWaits() throws {
    var peer = try visitor(["u=3", "u=3", "u=3"])
    try peer.send(16, stream: 0, update(5, "u=1"))
    var sent = try next(&peer, 30_000)
    #expect(Set(sent) == [5])
    // It says everything: what it does not name is as usual (section 7).
    try peer.send(16, stream: 0, update(5, "x"))
    sent = try next(&peer, 16_000)
    #expect(sent == [3])
    // What is no dictionary is as if nothing had been said.
    try peer.send(16, stream: 0, update(5, "u=0,,"))
    #expect(try next(&peer, 1) == [3])
  }

  @Test func anUpdateMayComeBeforeItsStream() throws {
    var peer = try RawPeer()
    try peer.send(16, stream: 0, update(5, "u=0"))
    try peer.send(16, stream: 0, update(3, "u=1"))
    #expect(peer.connection.announcedPriorities.count == 2)
    try peer.headers(1, RawPeer.get)
    // The frame counts, and not the field.
    try peer.headers(5, RawPeer.get + [("priority", "u=7")])
    #expect(peer.connection.streams[5]?.priority.urgency == 0)
    // 3 will never begin.
    #expect(peer.connection.announcedPriorities.isEmpty)
    #expect(peer.connection.streams[1]?.priority == .usual)
    // Of a stream that is over nothing is kept.
    try peer.send(16, stream: 0, update(3, "u=1"))
    #expect(peer.connection.announcedPriorities.isEmpty && peer.frames().of(7).isEmpty)
  }

  /// Section 7.1: as if they had begun.
  @Test func noMoreAnnouncedThanMayBegin() throws {
    var limits = HTTP2Limits()
    limits.concurrentStreams = 4
    var peer = try RawPeer(limits: limits)
    try peer.headers(1, RawPeer.get)
    for id: UInt32 in [3, 5, 7, 7, 7] { try peer.send(16, stream: 0, update(id, "u=1")) }
    #expect(throws: HTTP2Error.self) { try peer.send(16, stream: 0, update(9, "u=1")) }
    #expect(peer.frames().goAwayCode == 1)
  }

  @Test func aRefusedStreamLeavesNothingBehind() throws {
    var peer = try RawPeer()
    try peer.send(16, stream: 0, update(1, "u=1"))
    try peer.headers(1, Array(RawPeer.get.dropLast()))
    #expect(peer.frames().resetCode(1) == 1)
    #expect(peer.connection.announcedPriorities.isEmpty)
  }

  @Test(
    arguments: [
      (UInt32(1), [0, 0, 0, 1], UInt32(1)), (0, [0, 0, 0], 6), (0, [0, 0, 0, 0], 1), (0, [0, 0, 0, 2], 1),
    ] as [(UInt32, [UInt8], UInt32)])
  func whatAnUpdateMayNotBe(_ stream: UInt32, _ payload: [UInt8], _ code: UInt32) throws {
    var peer = try RawPeer()
    #expect(throws: HTTP2Error.self) { try peer.send(16, stream: stream, payload) }
    #expect(peer.frames().goAwayCode == code)
  }

  @Test func aServiceMayNotSendOne() throws {
    var peer = try RawPeer(clientOf: .service)
    #expect(throws: HTTP2Error.self) { try peer.send(16, stream: 0, update(1, "u=1")) }
    #expect(peer.frames().goAwayCode == 1)
  }

  @Test func updatesWithoutEndAreAFlood() throws {
    var peer = try RawPeer()
    let error = #expect(throws: HTTP2Error.self) {
      for _ in 0..<3000 { try peer.send(16, stream: 0, update(1, "u=1")) }
    }
    #expect(error?.code == .enhanceYourCalm)
  }

  @Test func theSettingIsANumberOfTwo() throws {
    var peer = try RawPeer()
    #expect(throws: HTTP2Error.self) { try peer.send(settings: [(9, 2)]) }
    #expect(peer.frames().goAwayCode == 1)
  }

  // MARK: What waits is no stalled reader

  @Test func whoWaitsForOthersIsNotStuck() throws {
    var peer = try visitor(["u=0", "u=7"])
    let before = try #require(peer.connection.sentWhileWaiting(3))
    _ = try next(&peer, 10_000)
    #expect(try #require(peer.connection.sentWhileWaiting(3)).isProgress(since: before))
  }

  /// A window that opens and closes while the connection's is used up: nothing leaves, and nobody reads.
  @Test func whoOnlyMovesWindowsIsStuck() throws {
    var peer = try visitor(["u=0", "u=3"], bytes: 40_000)
    let first = try #require(peer.connection.sentWhileWaiting(3))
    var turns: Set<Bool> = []
    for window: UInt32 in [0, 1 << 24, 0, 1 << 24] {
      try peer.send(settings: [(4, window)])
      #expect(peer.frames().of(0).isEmpty)
      let sent = try #require(peer.connection.sentWhileWaiting(3))
      turns.insert(sent.isInTurn)
      #expect(!sent.isProgress(since: first))
    }
    #expect(turns == [true, false])
    // Read.
    _ = try next(&peer, 1)
    #expect(try #require(peer.connection.sentWhileWaiting(3)).isProgress(since: first))
  }

  /// The connection's window is used up; who has only to say that it is over does not wait for it.
  @Test func anEndNeedsNoWindow() throws {
    var peer = try visitor(["u=0", "u=3"])
    try peer.headers(5, RawPeer.get + [("priority", "u=7")])
    peer.connection.sendHead(5, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    peer.connection.sendEnd(5)
    #expect(peer.frames().of(0).map(\.stream) == [5])
    #expect(peer.connection.streams.count == 2)
    // Given up while it waits, it leaves no place behind.
    peer.connection.reset(3, .cancel)
    #expect(peer.connection.order.count == 0 && peer.connection.queued == 0)
  }
}
