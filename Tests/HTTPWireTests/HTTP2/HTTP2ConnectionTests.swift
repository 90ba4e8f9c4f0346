import NIOCore
import Testing

@testable import HTTPWire

@Suite struct HTTP2ConnectionTests {
  private func request(_ events: [HTTP2Event]) -> RequestHead? {
    for case .request(_, let head, _) in events { return head }
    return nil
  }

  @Test func theFirstFrameIsOurSettings() throws {
    var peer = try RawPeer(begins: false)
    let frames = peer.frames()
    #expect(frames.map(\.type) == [4, 8])
    #expect(frames[0].payload.count == 30)
  }

  @Test func aRequestAndItsResponse() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.get + [("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")])
    let events = peer.events()
    let head = try #require(request(events))
    #expect(head.method == .get && head.target == "/" && head.version == .http2)
    #expect(head.authority == Authority(host: "app.test"))
    #expect(head.headers.values("cookie") == ["a=1; b=2"])
    #expect(head.headers.first(.host) == "app.test")
    #expect(head.framing == .none)
    guard case .end(1) = events.last else {
      Issue.record("no end: \(events)")
      return
    }

    let headers = HeaderList([("Content-Type", "text/plain"), ("Connection", "close"), ("X-A", "b")])
    peer.connection.sendHead(1, ResponseHead(status: 200, headers: headers, framing: .length(5)), endsStream: false)
    peer.connection.sendBody(1, ByteBuffer(string: "hello"))
    peer.connection.sendEnd(1)
    let frames = peer.frames()
    #expect(frames.map(\.type) == [1, 0])
    #expect(try peer.fields(frames[0]) == [":status: 200", "content-type: text/plain", "x-a: b", "content-length: 5"])
    #expect(frames[1].payload == Array("hello".utf8) && frames[1].flags == 1)
    #expect(peer.connection.streamCount == 0)
    guard case .closed(1) = peer.events().last else {
      Issue.record("not closed")
      return
    }
  }

  @Test func everyByteAlone() throws {
    var peer = try RawPeer(begins: false)
    var bytes = Array(RawPeer.preface.utf8) + RawPeer.bytes(4, stream: 0)
    bytes += RawPeer.bytes(1, 4, stream: 1, peer.block(RawPeer.post + [("content-length", "3")]))
    bytes += RawPeer.bytes(0, 9, stream: 1, [2, 0x61, 0x62, 0x63, 0, 0])
    for byte in bytes { try peer.connection.receive(ByteBuffer(bytes: [byte]), at: 0) }
    let events = peer.events()
    #expect(request(events)?.framing == .length(3))
    let bodies = events.compactMap { if case .body(_, let bytes) = $0 { String(buffer: bytes) } else { nil } }
    #expect(bodies == ["abc"])
  }

  @Test func interimHeadsBodyAndTrailers() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.get)
    peer.connection.sendHead(1, ResponseHead(status: 103), endsStream: false)
    peer.connection.sendHead(1, ResponseHead(status: 404, framing: .chunked), endsStream: false)
    peer.connection.sendEnd(1, trailers: HeaderList([("grpc-status", "0")]))
    let frames = peer.frames()
    #expect(frames.map(\.type) == [1, 1, 1])
    #expect(try peer.fields(frames[0]) == [":status: 103"])
    #expect(try peer.fields(frames[1]) == [":status: 404"])
    #expect(try peer.fields(frames[2]) == ["grpc-status: 0"])
    #expect(frames.map { $0.flags & 1 } == [0, 0, 1])
  }

  @Test func trailersOfARequest() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.post, ends: false)
    try peer.data(1, 4)
    try peer.headers(1, [("x-sum", "1")], ends: true)
    let kinds = peer.events().map { event in
      switch event {
      case .request: "request"
      case .body: "body"
      case .trailers(_, let list): "trailers \(list)"
      case .end: "end"
      default: "other"
      }
    }
    #expect(kinds == ["request", "body", "trailers x-sum: 1", "end"])
  }

  @Test func aWebSocketLooksLikeRFC6455() throws {
    var peer = try RawPeer()
    try peer.headers(
      1,
      [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "app.test"),
        (":path", "/chat?x=1"), ("origin", "https://app.test"), ("sec-websocket-version", "13"),
      ], ends: false)
    let head = try #require(request(peer.events()))
    #expect(head.method == .get && head.target == "/chat?x=1" && head.framing == .none && !head.hasBody)
    #expect(head.headers.first(.upgrade) == "websocket" && head.headers.first(.connection) == "Upgrade")
    #expect(head.headers.first(.secWebSocketKey) == "dGhlIHNhbXBsZSBub25jZQ==")
    #expect(head.headers.first("sec-websocket-version") == "13")
  }

  @Test func bodiesTakeTurnsWithinTheirWindows() throws {
    var peer = try RawPeer()
    for id: UInt32 in [1, 3] {
      try peer.headers(id, RawPeer.get)
      peer.connection.sendHead(id, ResponseHead(status: 200, framing: .chunked), endsStream: false)
      for _ in 0..<10 { peer.connection.sendBody(id, ByteBuffer(repeating: 0x62, count: 8192)) }
      #expect(!peer.connection.isWritable(id))
    }
    let data = peer.frames().of(0)
    // The connection's window is 65,535: shared, in turns.
    #expect(data.reduce(0) { $0 + $1.payload.count } == 65_535)
    #expect(data.prefix(4).map(\.stream) == [1, 3, 1, 3])
    #expect(peer.frames().isEmpty)
    try peer.send(8, stream: 0, [0, 1, 0, 0])
    let more = peer.frames().of(0)
    // Now each stream's own window is the bound.
    #expect(more.reduce(0) { $0 + $1.payload.count } == 65_535)
    let total = (data + more).filter { $0.stream == 1 }.reduce(0) { $0 + $1.payload.count }
    #expect(total == 65_535)
    let writable = peer.events().filter { if case .writable = $0 { true } else { false } }
    #expect(writable.count == 2)
  }

  @Test func loweringTheSettingMakesWindowsNegative() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.get)
    peer.connection.sendHead(1, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 1000))
    #expect(peer.frames().of(0).count == 1)
    try peer.send(4, stream: 0, [0, 4, 0, 0, 0, 100])
    peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 10))
    #expect(peer.frames().of(0).isEmpty)
    try peer.send(8, stream: 1, [0, 0, 3, 0x84])  // 900: the window is 0
    #expect(peer.frames().of(0).isEmpty)
    try peer.send(8, stream: 1, [0, 0, 0, 10])
    #expect(peer.frames().of(0).map(\.payload.count) == [10])
  }

  @Test func creditComesBackWhenTaken() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.post, ends: false)
    for _ in 0..<16 { try peer.data(1, 16_384) }
    #expect(peer.frames().of(8).isEmpty)
    // The window is used up: one byte more is too much for the stream, and only for it.
    try peer.data(1, 1)
    let frames = peer.frames()
    #expect(frames.resetCode(1) == 3)
    // What nobody will take is given back to the connection.
    #expect(frames.of(8).map(\.stream) == [0])

    try peer.headers(3, RawPeer.post, ends: false)
    for _ in 0..<10 { try peer.data(3, 16_384) }
    peer.connection.consumed(163_840, of: 3)
    let updates = peer.frames().of(8)
    // Whoever keeps up gets twice the window.
    #expect(updates.contains { $0.stream == 3 && $0.payload == [0, 6, 0x80, 0] })
  }

  /// A stream of small messages, each acknowledged at once: no flood, however many there are.
  @Test func whatWeSentMayBeAnsweredWithSmallUpdates() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.get)
    peer.connection.sendHead(1, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    for _ in 0..<5000 {
      peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 20))
      #expect(peer.frames().of(0).count == 1)
      try peer.send(8, stream: 0, [0, 0, 0, 20])
      try peer.send(8, stream: 1, [0, 0, 0, 20])
    }
  }

  /// Reads that end within frames, while bodies of earlier ones are still held.
  @Test func aFrameInTwoReadsDragsNothingAlong() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.post, ends: false)
    _ = peer.events()
    let sent = (0..<12).flatMap { RawPeer.bytes(0, stream: 1, [UInt8](repeating: UInt8($0), count: 16_000)) }
    var held: [ByteBuffer] = []
    for start in stride(from: 0, to: sent.count, by: 47_001) {
      try peer.connection.receive(ByteBuffer(bytes: sent[start..<min(start + 47_001, sent.count)]), at: 0)
      for case .body(_, let bytes) in peer.events() { held.append(bytes) }
    }
    #expect(held.map(\.readableBytes) == [Int](repeating: 16_000, count: 12))
    #expect(held.enumerated().allSatisfy { index, bytes in bytes.readableBytesView.allSatisfy { $0 == UInt8(index) } })
    #expect(held.allSatisfy { $0.storageCapacity <= 1 << 16 })
    // Byte by byte it is the same, a frame too long is refused by its first bytes.
    for byte in RawPeer.bytes(0, stream: 1, [7, 8]) { try peer.connection.receive(ByteBuffer(bytes: [byte]), at: 0) }
    for case .body(_, let bytes) in peer.events() { #expect(Array(bytes.readableBytesView) == [7, 8]) }
    #expect(throws: HTTP2Error.self) {
      for byte: UInt8 in [0, 0x40, 1, 0, 0, 0] { try peer.connection.receive(ByteBuffer(bytes: [byte]), at: 0) }
    }
  }

  @Test func windowsByTheByteAreAFlood() throws {
    var peer = try RawPeer()
    try peer.send(4, stream: 0, [0, 4, 0, 0, 0, 0])
    try peer.headers(1, RawPeer.get)
    peer.connection.sendHead(1, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    peer.connection.sendBody(1, ByteBuffer(repeating: 1, count: 10_000))
    #expect(throws: HTTP2Error.self) {
      for _ in 0..<5000 {
        try peer.send(8, stream: 1, [0, 0, 0, 1])
        _ = peer.frames()
      }
    }
  }

  /// From a service that sends byte by byte to a visitor that takes nothing.
  @Test func smallPiecesThatWaitArePutTogether() throws {
    var peer = try RawPeer()
    try peer.send(4, stream: 0, [0, 4, 0, 0, 0, 0])
    try peer.headers(1, RawPeer.get)
    peer.connection.sendHead(1, ResponseHead(status: 200, framing: .chunked), endsStream: false)
    let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0) }
    for byte in bytes { peer.connection.sendBody(1, ByteBuffer(bytes: [byte])) }
    #expect(peer.frames().of(0).isEmpty)
    try peer.send(8, stream: 1, [0, 1, 0, 0])
    let data = peer.frames().of(0)
    #expect(data.flatMap(\.payload) == bytes && data.count == 2)
  }

  /// A field that the peer has put into the table, named again and again: a byte each.
  @Test func aFewBytesMustNotBecomeManyTimesAsMuch() throws {
    var peer = try RawPeer()
    let field = ("x-filler", String(repeating: "~", count: 2000))
    try peer.headers(1, RawPeer.get + [field])
    // Once, as in every further request of the same visitor.
    try peer.headers(3, RawPeer.get + [field])
    let block = peer.block(RawPeer.get + [field])
    #expect(block.count < 40)
    let bomb = block + [UInt8](repeating: block.last ?? 0, count: 40)
    #expect(throws: HTTP2Error.self) { try peer.send(1, 5, stream: 5, bomb) }
    #expect(peer.frames().goAwayCode == 11)
  }

  /// As browsers send them; there may be more than a head may have fields (security rule 19).
  @Test func aFieldForEachCookie() throws {
    var peer = try RawPeer()
    let crumbs = (0..<180).map { ("cookie", "c\($0)=" + String(repeating: "x", count: 60)) }
    try peer.headers(1, RawPeer.get + crumbs)
    guard case .request(_, let head, _) = peer.events().first else {
      Issue.record("no request")
      return
    }
    #expect(head.headers.count(.cookie) == 1)
    #expect(head.headers.first(.cookie) == crumbs.map(\.1).joined(separator: "; "))
  }

  @Test func anAnswerBeforeTheBodyEndsTheStream() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.post, ends: false)
    try peer.data(1, 100)
    peer.connection.sendHead(1, ResponseHead(status: 403), endsStream: true)
    let frames = peer.frames()
    #expect(frames.map(\.type).suffix(2) == [1, 3] && frames.resetCode(1) == 0)
    // What was on its way is no mistake, and its room comes back.
    try peer.data(1, 16_384)
    #expect(peer.connection.streamCount == 0)
  }

  @Test func goingAwayLetsNobodyDown() throws {
    var peer = try RawPeer()
    try peer.headers(1, RawPeer.get)
    peer.connection.beginGoAway()
    var frames = peer.frames()
    #expect(frames.map(\.type) == [7, 6] && Array(frames[0].payload.prefix(4)) == [0x7F, 0xFF, 0xFF, 0xFF])
    try peer.headers(3, RawPeer.get)
    try peer.send(6, 1, stream: 0, [UInt8](repeating: 0, count: 8))
    frames = peer.frames()
    #expect(frames.of(7).first?.payload.prefix(4) == [0, 0, 0, 3])
    _ = peer.events()
    try peer.headers(5, RawPeer.get)
    #expect(peer.events().isEmpty && peer.connection.streamCount == 2)
  }

  @Test func bothRolesUnderstandEachOther() throws {
    var server = HTTP2Connection(role: .server) { "" }
    var client = HTTP2Connection(role: .client) { "" }
    func exchange() throws {
      var moved = true
      while moved {
        moved = false
        while let bytes = client.takeOutbound() {
          try server.receive(bytes, at: 0)
          moved = true
        }
        while let bytes = server.takeOutbound() {
          try client.receive(bytes, at: 0)
          moved = true
        }
      }
    }
    let head = RequestHead(
      method: .post, target: "/echo", headers: HeaderList([("X-Test", "1"), ("Content-Length", "200000")]),
      authority: Authority(host: "app.test", port: 8443))
    let begun = client.sendRequest(head, scheme: "http", endsStream: false)
    let id = try #require(begun)
    client.sendBody(id, ByteBuffer(repeating: 7, count: 200_000))
    client.sendEnd(id)
    var received = 0
    var answered = 0
    var isOver = false
    while !isOver {
      try exchange()
      var progressed = false
      while let event = server.nextEvent() {
        progressed = true
        switch event {
        case .request(let id, let head, _):
          #expect(head.authority?.port == 8443 && head.headers.first("x-test") == "1" && head.method == .post)
          server.sendHead(id, ResponseHead(status: 200, framing: .chunked), endsStream: false)
        case .body(let id, let bytes):
          received += bytes.readableBytes
          server.consumed(bytes.readableBytes, of: id)
          server.sendBody(id, bytes)
        case .end(let id): server.sendEnd(id, trailers: HeaderList([("x-end", "1")]))
        default: break
        }
      }
      while let event = client.nextEvent() {
        progressed = true
        switch event {
        case .response(_, let head, _): #expect(head.status == 200)
        case .body(let id, let bytes):
          answered += bytes.readableBytes
          client.consumed(bytes.readableBytes, of: id)
        case .trailers(_, let list): #expect(list.first("x-end") == "1")
        case .closed: isOver = true
        default: break
        }
      }
      if !progressed { break }
    }
    #expect(isOver && received == 200_000 && answered == 200_000)
    #expect(client.streamCount == 0 && server.streamCount == 0)
  }
}
