import NIOCore
import Testing

@testable import HTTPWire

/// The end that begins streams: what it sends, and what it makes of a service's frames.
@Suite struct HTTP2ClientTests {
  private static let ok: [(String, String)] = [(":status", "200")]

  private func head(
    _ method: RequestMethod = .get, _ target: String = "/", _ fields: [(String, String)] = [],
    framing: BodyFraming = .none
  ) -> RequestHead {
    RequestHead(
      method: method, target: target, headers: HeaderList(fields), authority: Authority(host: "app.test", port: 9000),
      framing: framing)
  }

  private func service(_ settings: [(UInt16, UInt32)] = []) throws -> RawPeer {
    try RawPeer(clientOf: .service, settings: settings)
  }

  /// The client's next stream.
  private func begin(_ peer: inout RawPeer, _ head: RequestHead? = nil, ends: Bool = true) throws -> UInt32 {
    let id = peer.connection.sendRequest(head ?? self.head(), scheme: "http", endsStream: ends)
    return try #require(id)
  }

  private func told(_ peer: inout RawPeer) -> [String] {
    peer.events().map { event in
      switch event {
      case .response(let id, let head, let ends): "\(id) \(head.status)\(ends ? " whole" : "")"
      case .body(let id, let bytes): "\(id) \(bytes.readableBytes) bytes"
      case .trailers(let id, let list): "\(id) \(list)"
      case .end(let id): "\(id) end"
      case .reset(let id, let code, let byPeer): "\(id) \(code)\(byPeer ? " by the service" : "")"
      case .closed(let id): "\(id) closed"
      case .goAway(let last, _): "goes after \(last)"
      case .settings: "settings"
      case .writable, .request, .refused: "\(event)"
      }
    }
  }

  @Test func aRequestIsOneSectionWithItsPseudoFieldsFirst() throws {
    var peer = try service()
    let fields = [
      ("Host", "app.test"), ("X-Test", "1"), ("Connection", "close"), ("Transfer-Encoding", "chunked"),
      ("TE", "trailers"), ("Content-Type", "application/grpc"),
    ]
    #expect(try begin(&peer, head(.post, "/up?a", fields, framing: .chunked), ends: false) == 1)
    let frames = peer.frames()
    #expect(frames.map { $0.type } == [1] && frames.first?.flags == 4)
    let sent = try peer.fields(try #require(frames.first))
    #expect(
      sent == [
        ":method: POST", ":scheme: http", ":path: /up?a", ":authority: app.test:9000", "x-test: 1", "te: trailers",
        "content-type: application/grpc",
      ])
    peer.connection.sendBody(1, ByteBuffer(string: "abc"))
    peer.connection.sendEnd(1, trailers: HeaderList([("X-Sum", "9")]))
    let rest = peer.frames()
    #expect(rest.map { $0.type } == [0, 1] && rest.last?.flags == 5)
    #expect(try peer.fields(try #require(rest.last)) == ["x-sum: 9"])
  }

  @Test func fieldsBeyondAVisitorsNumberAreNotLost() throws {
    var peer = try service()
    let fields = (0..<200).map { ("X-\($0)", "\($0)") }
    _ = try begin(&peer, head(.get, "/", fields))
    let sent = try peer.fields(try #require(peer.frames().first))
    #expect(sent.count == 204 && sent.last == "x-199: 199")
  }

  @Test func noMoreStreamsThanTheServicePermits() throws {
    var peer = try service([(3, 1)])
    #expect(try begin(&peer) == 1 && !peer.connection.canBegin && peer.connection.hasFuture)
    #expect(peer.connection.sendRequest(head(), scheme: "http", endsStream: true) == nil)
    try peer.headers(1, Self.ok)
    _ = peer.frames()
    #expect(told(&peer) == ["1 200 whole", "1 end", "1 closed"])
    #expect(try begin(&peer) == 3)
    try peer.send(settings: [(3, 3)])
    #expect(peer.connection.canBegin)
    try peer.send(settings: [(3, 0)])
    #expect(!peer.connection.canBegin)
  }

  @Test func whatComesBackIsToldInOrder() throws {
    var peer = try service()
    let id = try begin(&peer, head(.post, "/", framing: .chunked), ends: false)
    try peer.headers(id, [(":status", "103"), ("link", "</a>")], ends: false)
    try peer.headers(id, Self.ok + [("content-length", "5")], ends: false)
    try peer.data(id, 5)
    try peer.headers(id, [("grpc-status", "0")])
    #expect(told(&peer) == ["1 103", "1 200", "1 5 bytes", "1 grpc-status: 0", "1 end"])
    // Trailers-Only: the head is all there is.
    let other = try begin(&peer)
    try peer.headers(other, Self.ok + [("grpc-status", "12")])
    #expect(told(&peer) == ["3 200 whole", "3 end", "3 closed"])
    _ = peer.frames()
    // An answer that came early leaves the request to be ended by its owner.
    #expect(peer.connection.streamCount == 1)
    peer.connection.reset(id, .cancel)
    #expect(peer.frames().resetCode(id) == HTTP2ErrorCode.cancel.rawValue)
  }

  @Test func goingAwayRefusesWhatItWillNotLookAt() throws {
    var peer = try service()
    for _ in 0..<3 { _ = try begin(&peer) }
    try peer.send(7, stream: 0, [0, 0, 0, 1, 0, 0, 0, 0])
    #expect(told(&peer) == ["goes after 1", "3 refusedStream by the service", "5 refusedStream by the service"])
    #expect(!peer.connection.canBegin && !peer.connection.hasFuture && peer.connection.streamCount == 1)
    try peer.headers(1, Self.ok)
    // What was on its way is no mistake.
    try peer.headers(3, Self.ok)
    #expect(told(&peer).prefix(2) == ["1 200 whole", "1 end"])
  }

  @Test func aWebSocketIsAnExtendedConnect() throws {
    var peer = try service()
    #expect(!peer.connection.permitsConnectProtocol)
    try peer.send(settings: [(8, 1)])
    #expect(peer.connection.permitsConnectProtocol)
    let request = head(
      .get, "/chat", [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")])
    let begun = peer.connection.sendRequest(request, scheme: "https", protocolName: "websocket", endsStream: false)
    let id = try #require(begun)
    let sent = try peer.fields(try #require(peer.frames().of(1).first))
    #expect(
      sent == [
        ":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /chat", ":authority: app.test:9000",
        "sec-websocket-version: 13",
      ])
    try peer.headers(id, Self.ok, ends: false)
    peer.connection.becomeTunnel(id)
    peer.connection.sendBody(id, ByteBuffer(string: "hi"))
    try peer.data(id, 2)
    #expect(told(&peer) == ["settings", "1 200", "1 2 bytes"])
    #expect(peer.frames().of(0).map { $0.payload.count } == [2])
    // Both directions end by themselves.
    try peer.data(id, 0, ends: true)
    #expect(told(&peer) == ["1 end"] && peer.connection.streamCount == 1)
    peer.connection.consumed(2, of: id)
    peer.connection.sendEnd(id)
    _ = peer.frames()
    #expect(peer.connection.streamCount == 0)
  }

  @Test func aTunnelOfWhichNothingMoreIsWantedEndsOnceItsBytesHaveLeft() throws {
    var peer = try service([(8, 1)])
    let begun = peer.connection.sendRequest(head(), scheme: "http", protocolName: "websocket", endsStream: false)
    let id = try #require(begun)
    try peer.headers(id, Self.ok, ends: false)
    peer.connection.becomeTunnel(id)
    _ = peer.frames()
    peer.connection.sendBody(id, ByteBuffer(string: "bye"))
    peer.connection.sendEnd(id)
    peer.connection.endTunnel(id)
    #expect(peer.frames().map { $0.type } == [0, 3] && peer.connection.streamCount == 0)
    // Its last words are no mistake.
    try peer.data(id, 2, ends: true)
  }

  @Test func whatWasOnItsWayToAStreamGivenUpIsAllowedItsWindow() throws {
    var peer = try service()
    let frames = HTTP2Limits.service.largestStreamWindow / 16_384
    let id = try begin(&peer)
    try peer.headers(id, Self.ok, ends: false)
    peer.connection.reset(id, .cancel)
    for _ in 0..<frames { try peer.data(id, 16_384) }
    // Beyond it each frame counts as one of the small ones, of which there are not many.
    #expect(throws: HTTP2Error.self) { for _ in 0...2000 { try peer.data(id, 16_384) } }
    #expect(peer.frames().goAwayCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
  }

  /// What may lie unread of a connection is bounded, however many of its streams are read quickly.
  @Test func windowsGrowOnlySoFarTogether() throws {
    var limits = HTTP2Limits.service
    limits.streamWindow = 1 << 16
    limits.streamWindowGrowth = 100_000
    var peer = try RawPeer(clientOf: limits)
    func read(_ id: UInt32) throws -> Int {
      for _ in 0..<40 {
        try peer.data(id, 8192)
        peer.connection.consumed(8192, of: id)
      }
      _ = peer.frames()
      return try #require(peer.connection.streams[id]).receiveWindow.size
    }
    let ids = try (0..<2).map { _ in try begin(&peer) }
    for id in ids { try peer.headers(id, Self.ok, ends: false) }
    #expect(try read(ids[0]) == 65_536 + 100_000)
    #expect(try read(ids[1]) == 65_536)
    // What one of them had is another's when it is over.
    peer.connection.reset(ids[0], .cancel)
    #expect(peer.connection.windowGrowth == 0)
    #expect(try read(ids[1]) == 65_536 + 100_000)
    try peer.data(ids[1], 1, ends: true)
    peer.connection.consumed(1, of: ids[1])
    #expect(peer.connection.streamCount == 0 && peer.connection.windowGrowth == 0)
  }

  @Test func aServiceMayGiveUpAsManyStreamsAsWereBegun() throws {
    var peer = try service()
    for _ in 0..<2000 {
      let id = try begin(&peer)
      try peer.send(3, stream: id, [0, 0, 0, 7])
      #expect(told(&peer) == ["\(id) refusedStream by the service"])
      _ = peer.frames()
    }
  }

  /// Visitors leave as they like, and a service that has not heard of it yet answers them: that ends nobody else's requests.
  @Test func answersToWhatWasGivenUpAreNoFlood() throws {
    var peer = try service()
    let given = try (0..<3000).map { _ in
      let id = try begin(&peer)
      peer.connection.reset(id, .cancel)
      _ = peer.frames()
      return id
    }
    for id in given {
      try peer.headers(id, Self.ok, ends: false)
      try peer.data(id, 0, ends: true)
      try peer.send(3, stream: id, [0, 0, 0, 0])
    }
    // No more than each may have.
    #expect(throws: HTTP2Error.self) { for _ in 0...2000 { try peer.headers(given[0], Self.ok) } }
    #expect(peer.frames().goAwayCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
  }

  /// RFC 9113 section 8.1: with the reset a service says that it does not want the rest, which may have left already.
  @Test func answersBeforeTheWholeRequestAreNoFlood() throws {
    var peer = try service()
    for number in 0..<3000 {
      let id = try begin(&peer, head(.post, "/", framing: .chunked), ends: false)
      if number & 1 == 0 { peer.connection.sendEnd(id) }
      try peer.headers(id, Self.ok)
      if number & 1 == 1 { peer.connection.reset(id, .cancel) }
      _ = peer.frames()
      #expect(peer.connection.streamCount == 0)
      try peer.send(3, stream: id, [0, 0, 0, 0])
    }
  }

  /// As much as a visitor's upload in tiny pieces brings about while the service is far away.
  @Test func updatesForTinyPiecesAreNoFlood() throws {
    var peer = try service()
    let id = try begin(&peer, head(.post, "/", framing: .chunked), ends: false)
    for _ in 0..<3000 {
      peer.connection.sendBody(id, ByteBuffer(repeating: 1, count: 1))
      #expect(peer.frames().of(0).count == 1)
    }
    for _ in 0..<3000 { for stream in [0, id] { try peer.send(8, stream: stream, [0, 0, 0, 1]) } }
    let error = #expect(throws: HTTP2Error.self) {
      for _ in 0...2000 { try peer.send(8, stream: 0, [0, 0, 0, 1]) }
    }
    #expect(error?.code == .enhanceYourCalm)
  }

  @Test func oneBadPageEndsNobodyElsesRequests() throws {
    var peer = try service()
    for _ in 0..<1000 {
      let id = try begin(&peer)
      try peer.headers(id, Self.ok + [("Upper", "1")])
      #expect(peer.frames().resetCode(id) == 1)
    }
  }

  @Test func manyAnswersWithInterimOnesAreNoFlood() throws {
    var peer = try service()
    for _ in 0..<3000 {
      let id = try begin(&peer)
      try peer.headers(id, [(":status", "103")], ends: false)
      try peer.headers(id, Self.ok)
      _ = told(&peer)
      _ = peer.frames()
    }
    let id = try begin(&peer)
    #expect(throws: HTTP2Error.self) {
      for _ in 0..<3000 { try peer.headers(id, [(":status", "103")], ends: false) }
    }
  }

  @Test func theLengthOfA304IsNotThatOfItsContent() throws {
    var peer = try service()
    let id = try begin(&peer)
    try peer.headers(id, [(":status", "304"), ("content-length", "7")], ends: false)
    try peer.data(id, 0, ends: true)
    #expect(told(&peer) == ["1 304", "1 end", "1 closed"])
  }

  // MARK: Mistakes

  struct Mistake: Sendable, CustomTestStringConvertible {
    var what: String
    /// Nil: the connection ends.
    var isOfStream = true
    var code = HTTP2ErrorCode.protocolError
    var commit: @Sendable (inout RawPeer) throws -> Void
    var testDescription: String { what }
  }

  static let mistakes: [Mistake] = [
    Mistake(what: "DATA before a head") { try $0.data(1, 1) },
    Mistake(what: "content beside Content-Length: 0") {
      try $0.headers(1, ok + [("content-length", "0")], ends: false)
      try $0.data(1, 1)
    },
    Mistake(what: "less content than Content-Length") {
      try $0.headers(1, ok + [("content-length", "5")], ends: false)
      try $0.data(1, 1, ends: true)
    },
    Mistake(what: "a head that ends with its length unkept") { try $0.headers(1, ok + [("content-length", "5")]) },
    Mistake(what: "an interim head that ends") { try $0.headers(1, [(":status", "100")]) },
    Mistake(what: "101") { try $0.headers(1, [(":status", "101")], ends: false) },
    Mistake(what: "a status of two digits") { try $0.headers(1, [(":status", "20")]) },
    Mistake(what: "no status") { try $0.headers(1, [("a", "b")]) },
    Mistake(what: "a request's pseudo field") { try $0.headers(1, ok + [(":path", "/")]) },
    Mistake(what: "a field in capitals") { try $0.headers(1, ok + [("Upper", "1")]) },
    Mistake(what: "a field of a single connection") { try $0.headers(1, ok + [("connection", "close")]) },
    Mistake(what: "two Content-Lengths") {
      try $0.headers(1, ok + [("content-length", "0"), ("content-length", "0")])
    },
    Mistake(what: "a line break in a value") { try $0.headers(1, ok + [("a", "b\r\nc: d")]) },
    Mistake(what: "trailers without an end") {
      try $0.headers(1, ok, ends: false)
      try $0.headers(1, [("a", "b")], ends: false)
    },
    Mistake(what: "a status in trailers") {
      try $0.headers(1, ok, ends: false)
      try $0.headers(1, ok)
    },
    Mistake(what: "more fields than are read") { try $0.headers(1, ok + (0..<200).map { ("x-\($0)", "1") }) },
    Mistake(what: "a larger head than is read") {
      let value = String(repeating: "x", count: 14_000)
      for number in 0..<8 {
        let fields = (number == 0 ? ok : []) + [("x-\(number)", value)]
        try $0.send(number == 0 ? 1 : 9, number == 7 ? 4 : 0, stream: 1, $0.block(fields))
      }
    },
    Mistake(what: "more than the stream's window", code: .flowControlError) {
      try $0.headers(1, ok, ends: false)
      for _ in 0...HTTP2Limits.service.streamWindow / 16_384 { try $0.data(1, 16_384) }
    },
    Mistake(what: "PUSH_PROMISE", isOfStream: false) { try $0.send(5, 4, stream: 1, [0, 0, 0, 2]) },
    Mistake(what: "a stream of the service's", isOfStream: false) { try $0.headers(2, ok) },
    Mistake(what: "a stream never begun", isOfStream: false) { try $0.headers(3, ok) },
    Mistake(what: "SETTINGS_ENABLE_PUSH", isOfStream: false) { try $0.send(settings: [(2, 1)]) },
    Mistake(what: "a window beyond 2^31-1", isOfStream: false, code: .flowControlError) {
      try $0.send(settings: [(4, 0x8000_0000)])
    },
    Mistake(what: "CONTINUATION without end", isOfStream: false, code: .enhanceYourCalm) {
      try $0.send(1, 0, stream: 1, $0.block(ok))
      for _ in 0..<17 { try $0.send(9, 0, stream: 1) }
    },
    Mistake(what: "PING without end", isOfStream: false, code: .enhanceYourCalm) {
      for _ in 0..<2001 { try $0.send(6, 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 1]) }
    },
  ]

  @Test(arguments: mistakes) func aMistakeOfTheServiceIsAnswered(_ mistake: Mistake) throws {
    var peer = try service()
    _ = try begin(&peer, head(.post, "/", framing: .chunked), ends: false)
    let beside = mistake.isOfStream ? nil : HTTP2Error(mistake.code, "")
    do {
      try mistake.commit(&peer)
      #expect(mistake.isOfStream)
    } catch let error as HTTP2Error {
      #expect(error.code == beside?.code)
    }
    let frames = peer.frames()
    if mistake.isOfStream {
      #expect(frames.resetCode(1) == mistake.code.rawValue && frames.goAwayCode == nil)
      #expect(told(&peer).last == "1 \(mistake.code)")
      // Others go on.
      let other = try begin(&peer)
      try peer.headers(other, Self.ok)
      #expect(told(&peer).prefix(2) == ["3 200 whole", "3 end"])
    } else {
      #expect(frames.goAwayCode == mistake.code.rawValue && !peer.connection.canBegin)
    }
  }

  @Test func theFirstFrameIsTheServicesSettings() throws {
    var peer = RawPeer.client()
    #expect(throws: HTTP2Error.self) { try peer.send(text: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") }
    var other = RawPeer.client()
    #expect(throws: HTTP2Error.self) { try other.send(6, 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 1]) }
  }
}
