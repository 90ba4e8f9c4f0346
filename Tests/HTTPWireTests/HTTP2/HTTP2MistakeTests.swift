import NIOCore
import Testing

@testable import HTTPWire

/// Every mistake of RFC 9113 that a server must see, with the answer it must give.
@Suite struct HTTP2MistakeTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    var section: String
    var what: String
    var code: UInt32
    /// `nil`: the connection ends.
    var stream: UInt32?
    var commit: @Sendable (inout RawPeer) throws -> Void
    var testDescription: String { "\(section): \(what)" }

    static func connection(
      _ section: String, _ what: String, _ code: HTTP2ErrorCode,
      _ commit: @escaping @Sendable (inout RawPeer) throws -> Void
    ) -> Mistake {
      Mistake(section: section, what: what, code: code.rawValue, stream: nil, commit: commit)
    }

    static func stream(
      _ section: String, _ what: String, _ code: HTTP2ErrorCode,
      _ commit: @escaping @Sendable (inout RawPeer) throws -> Void
    ) -> Mistake {
      Mistake(section: section, what: what, code: code.rawValue, stream: 1, commit: commit)
    }
  }

  static func withGet(_ changes: [(String, String)], dropping: [String] = [], first: Bool = false) -> [(String, String)]
  {
    let kept = RawPeer.get.filter { field in !dropping.contains(field.0) }
    return first ? changes + kept : kept + changes
  }

  static let ofConnections: [Mistake] = [
    .connection("4.2", "a frame beyond SETTINGS_MAX_FRAME_SIZE", .frameSizeError) {
      try $0.send(0, stream: 1, [UInt8](repeating: 0, count: 16_385))
    },
    .connection("4.3", "a section that cannot be decompressed", .compressionError) {
      try $0.send(1, 5, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    },
    .connection("5.1", "DATA on an idle stream", .protocolError) { try $0.data(1, 1) },
    .connection("5.1", "RST_STREAM on an idle stream", .protocolError) { try $0.send(3, stream: 1, [0, 0, 0, 8]) },
    .connection("5.1", "WINDOW_UPDATE on an idle stream", .protocolError) { try $0.send(8, stream: 1, [0, 0, 0, 1]) },
    .connection("5.1", "HEADERS on a closed stream", .streamClosed) {
      try $0.headers(1, RawPeer.get)
      $0.connection.sendHead(1, ResponseHead(status: 204), endsStream: true)
      try $0.headers(1, RawPeer.get)
    },
    .connection("5.1", "DATA on a closed stream", .streamClosed) {
      try $0.headers(1, RawPeer.get)
      $0.connection.sendHead(1, ResponseHead(status: 204), endsStream: true)
      try $0.data(1, 1)
    },
    .connection("5.1.1", "a stream with an even number", .protocolError) { try $0.headers(2, RawPeer.get) },
    .connection("5.1.1", "a stream with a lower number", .streamClosed) {
      try $0.headers(5, RawPeer.get)
      try $0.headers(3, RawPeer.get)
    },
    .connection("5.3.1", "a stream that depends on itself", .protocolError) {
      try $0.send(2, stream: 1, [0, 0, 0, 1, 0])
    },
    .connection("6.1", "DATA without a stream", .protocolError) { try $0.data(0, 1) },
    .connection("6.1", "padding longer than the frame", .protocolError) {
      try $0.headers(1, RawPeer.post, ends: false)
      try $0.send(0, 8, stream: 1, [9, 0, 0])
    },
    .connection("6.2", "HEADERS without a stream", .protocolError) { try $0.headers(0, RawPeer.get) },
    .connection("6.2", "another frame inside a section", .protocolError) {
      try $0.send(1, 1, stream: 1, $0.block(RawPeer.get))
      try $0.send(6, stream: 0, [UInt8](repeating: 0, count: 8))
    },
    .connection("6.2", "another stream's section inside a section", .protocolError) {
      try $0.send(1, 1, stream: 1, $0.block(RawPeer.get))
      try $0.send(9, 4, stream: 3, [])
    },
    .connection("6.3", "PRIORITY of another length", .frameSizeError) { try $0.send(2, stream: 1, [0, 0, 0, 3]) },
    .connection("6.4", "RST_STREAM of another length", .frameSizeError) {
      try $0.headers(1, RawPeer.post, ends: false)
      try $0.send(3, stream: 1, [0, 0, 0])
    },
    .connection("6.4", "RST_STREAM without a stream", .protocolError) { try $0.send(3, stream: 0, [0, 0, 0, 0]) },
    .connection("6.5", "SETTINGS of a length that six does not divide", .frameSizeError) {
      try $0.send(4, stream: 0, [0, 1, 0])
    },
    .connection("6.5", "SETTINGS on a stream", .protocolError) { try $0.send(4, stream: 1) },
    .connection("6.5", "SETTINGS ACK with a payload", .frameSizeError) {
      try $0.send(4, 1, stream: 0, [0, 1, 0, 0, 0, 0])
    },
    .connection("6.5.2", "ENABLE_PUSH beyond one", .protocolError) { try $0.send(4, stream: 0, [0, 2, 0, 0, 0, 2]) },
    .connection("6.5.2", "INITIAL_WINDOW_SIZE beyond 2^31-1", .flowControlError) {
      try $0.send(4, stream: 0, [0, 4, 0x80, 0, 0, 0])
    },
    .connection("6.5.2", "MAX_FRAME_SIZE below 16384", .protocolError) {
      try $0.send(4, stream: 0, [0, 5, 0, 0, 0x3F, 0xFF])
    },
    .connection("6.5.2", "MAX_FRAME_SIZE beyond 2^24-1", .protocolError) {
      try $0.send(4, stream: 0, [0, 5, 1, 0, 0, 0])
    },
    .connection("6.6", "PUSH_PROMISE from a client", .protocolError) { try $0.send(5, 4, stream: 1, [0, 0, 0, 2]) },
    .connection("6.7", "PING of another length", .frameSizeError) { try $0.send(6, stream: 0, [1]) },
    .connection("6.7", "PING on a stream", .protocolError) {
      try $0.send(6, stream: 1, [UInt8](repeating: 0, count: 8))
    },
    .connection("6.8", "GOAWAY on a stream", .protocolError) {
      try $0.send(7, stream: 1, [UInt8](repeating: 0, count: 8))
    },
    .connection("6.8", "GOAWAY too short", .frameSizeError) { try $0.send(7, stream: 0, [0, 0, 0, 0]) },
    .connection("6.9", "WINDOW_UPDATE of another length", .frameSizeError) { try $0.send(8, stream: 0, [0, 0, 1]) },
    .connection("6.9", "WINDOW_UPDATE by nothing", .protocolError) { try $0.send(8, stream: 0, [0, 0, 0, 0]) },
    .connection("6.9.1", "a connection window beyond 2^31-1", .flowControlError) {
      try $0.send(8, stream: 0, [0x7F, 0xFF, 0xFF, 0xFF])
    },
    .connection("6.9.2", "a setting that makes a window too large", .flowControlError) {
      try $0.headers(1, RawPeer.post, ends: false)
      try $0.send(8, stream: 1, [0x7F, 0xFF, 0, 0])
      try $0.send(4, stream: 0, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF])
    },
    .connection("6.10", "CONTINUATION of nothing", .protocolError) { try $0.send(9, 4, stream: 1, []) },
    .connection("10.5", "CONTINUATIONs without end", .enhanceYourCalm) { peer in
      try peer.send(1, 1, stream: 1, [])
      for _ in 0..<40 { try peer.send(9, 0, stream: 1, []) }
    },
    .connection("10.5", "a flood of PING", .enhanceYourCalm) { peer in
      for _ in 0..<3000 { try peer.send(6, stream: 0, [UInt8](repeating: 0, count: 8)) }
    },
    .connection("10.5", "a flood of SETTINGS", .enhanceYourCalm) { peer in
      for _ in 0..<3000 { try peer.send(4, stream: 0) }
    },
    .connection("10.5", "a flood of empty DATA", .enhanceYourCalm) { peer in
      try peer.headers(1, RawPeer.post, ends: false)
      for _ in 0..<3000 { try peer.data(1, 0) }
    },
    .connection("10.5", "a flood of PRIORITY", .enhanceYourCalm) { peer in
      for _ in 0..<3000 { try peer.send(2, stream: 1, [0, 0, 0, 0, 0]) }
    },
    .connection("CVE-2023-44487", "a flood of streams given up", .enhanceYourCalm) { peer in
      for id in stride(from: UInt32(1), to: 2001, by: 2) {
        try peer.headers(id, RawPeer.get)
        try peer.send(3, stream: id, [0, 0, 0, 8])
      }
    },
    .connection("CVE-2025-8671", "a flood of streams we are made to reset", .enhanceYourCalm) { peer in
      for id in stride(from: UInt32(1), to: 2001, by: 2) {
        try peer.headers(id, RawPeer.get, ends: false)
        try peer.send(8, stream: id, [0, 0, 0, 0])
      }
    },
  ]

  static let ofStreams: [Mistake] = [
    .stream("5.1", "DATA after the end", .streamClosed) {
      try $0.headers(1, RawPeer.get)
      try $0.data(1, 1)
    },
    .stream("5.1", "HEADERS after the end", .streamClosed) {
      try $0.headers(1, RawPeer.get)
      try $0.headers(1, [("x", "y")])
    },
    .stream("6.9", "WINDOW_UPDATE by nothing", .protocolError) {
      try $0.headers(1, RawPeer.get)
      try $0.send(8, stream: 1, [0, 0, 0, 0])
    },
    .stream("6.9.1", "a window beyond 2^31-1", .flowControlError) {
      try $0.headers(1, RawPeer.get)
      try $0.send(8, stream: 1, [0x7F, 0xFF, 0xFF, 0xFF])
    },
    .stream("8.1", "a second section that is not the last", .protocolError) {
      try $0.headers(1, RawPeer.post, ends: false)
      try $0.headers(1, [("x", "y")], ends: false)
    },
    .stream("8.1", "pseudo fields in trailers", .protocolError) {
      try $0.headers(1, RawPeer.post, ends: false)
      try $0.headers(1, [(":method", "GET")])
    },
    .stream("8.1.1", "less than Content-Length", .protocolError) {
      try $0.headers(1, RawPeer.post + [("content-length", "5")], ends: false)
      try $0.data(1, 4, ends: true)
    },
    .stream("8.1.1", "more than Content-Length", .protocolError) {
      try $0.headers(1, RawPeer.post + [("content-length", "5")], ends: false)
      try $0.data(1, 6)
    },
    .stream("8.1.1", "Content-Length without a body", .protocolError) {
      try $0.headers(1, RawPeer.post + [("content-length", "5")])
    },
    .stream("8.1.1", "Content-Length that is no number", .protocolError) {
      try $0.headers(1, RawPeer.post + [("content-length", "+5")], ends: false)
    },
    .stream("8.1.1", "two Content-Lengths", .protocolError) {
      try $0.headers(1, RawPeer.post + [("content-length", "5"), ("content-length", "5")], ends: false)
    },
    .stream("8.2.1", "a name in upper case", .protocolError) { try $0.headers(1, withGet([("X-Upper", "1")])) },
    .stream("8.2.1", "a name with a blank", .protocolError) { try $0.headers(1, withGet([("x y", "1")])) },
    .stream("8.2.1", "a value with CR LF", .protocolError) { try $0.headers(1, withGet([("x", "a\r\nb: c")])) },
    .stream("8.2.1", "a value with NUL", .protocolError) { try $0.headers(1, withGet([("x", "a\0b")])) },
    .stream("8.2.1", "a value that begins with a blank", .protocolError) { try $0.headers(1, withGet([("x", " a")])) },
    .stream("8.2.2", "Connection", .protocolError) { try $0.headers(1, withGet([("connection", "keep-alive")])) },
    .stream("8.2.2", "Transfer-Encoding", .protocolError) {
      try $0.headers(1, withGet([("transfer-encoding", "chunked")]))
    },
    .stream("8.2.2", "Upgrade", .protocolError) { try $0.headers(1, withGet([("upgrade", "websocket")])) },
    .stream("8.2.2", "Proxy-Connection", .protocolError) {
      try $0.headers(1, withGet([("proxy-connection", "keep-alive")]))
    },
    .stream("8.2.2", "Keep-Alive", .protocolError) { try $0.headers(1, withGet([("keep-alive", "5")])) },
    .stream("8.2.2", "TE other than trailers", .protocolError) { try $0.headers(1, withGet([("te", "gzip")])) },
    .stream("8.3", "a pseudo field after others", .protocolError) {
      try $0.headers(1, withGet([("x", "1"), (":path", "/")], dropping: [":path"]))
    },
    .stream("8.3", "an unknown pseudo field", .protocolError) {
      try $0.headers(1, withGet([(":x", "1")], first: true))
    },
    .stream("8.3", "a pseudo field of responses", .protocolError) {
      try $0.headers(1, withGet([(":status", "200")], first: true))
    },
    .stream("8.3.1", "no :method", .protocolError) { try $0.headers(1, withGet([], dropping: [":method"])) },
    .stream("8.3.1", "no :scheme", .protocolError) { try $0.headers(1, withGet([], dropping: [":scheme"])) },
    .stream("8.3.1", "no :path", .protocolError) { try $0.headers(1, withGet([], dropping: [":path"])) },
    .stream("8.3.1", "an empty :path", .protocolError) {
      try $0.headers(1, withGet([(":path", "")], dropping: [":path"], first: true))
    },
    .stream("8.3.1", "a :path without /", .protocolError) {
      try $0.headers(1, withGet([(":path", "a")], dropping: [":path"], first: true))
    },
    .stream("8.3.1", "a :path with a blank", .protocolError) {
      try $0.headers(1, withGet([(":path", "/ HTTP/1.1")], dropping: [":path"], first: true))
    },
    .stream("8.3.1", "a :path with a fragment", .protocolError) {
      try $0.headers(1, withGet([(":path", "/#a")], dropping: [":path"], first: true))
    },
    .stream("8.3.1", "* outside OPTIONS", .protocolError) {
      try $0.headers(1, withGet([(":path", "*")], dropping: [":path"], first: true))
    },
    .stream("8.3.1", "two :path", .protocolError) { try $0.headers(1, withGet([(":path", "/b")], first: true)) },
    .stream("8.3.1", "no :authority and no Host", .protocolError) {
      try $0.headers(1, withGet([], dropping: [":authority"]))
    },
    .stream("8.3.1", ":authority with user information", .protocolError) {
      try $0.headers(1, withGet([(":authority", "me@app.test")], dropping: [":authority"], first: true))
    },
    .stream("8.3.1", ":authority and Host disagree", .protocolError) {
      try $0.headers(1, withGet([("host", "other.test")]))
    },
    .stream("8.3.1", "two Host fields", .protocolError) {
      try $0.headers(1, withGet([("host", "app.test"), ("host", "app.test")]))
    },
    .stream("8.3.1", "a :method that is no token", .protocolError) {
      try $0.headers(1, withGet([(":method", "GE T")], dropping: [":method"], first: true))
    },
    .stream("8.3.1", "an unknown :scheme", .protocolError) {
      try $0.headers(1, withGet([(":scheme", "ftp")], dropping: [":scheme"], first: true))
    },
    .stream("8.5", "CONNECT with a :path", .protocolError) {
      try $0.headers(1, withGet([(":method", "CONNECT")], dropping: [":method"], first: true))
    },
    .stream("RFC 8441", "an unknown :protocol", .protocolError) {
      try $0.headers(
        1, withGet([(":method", "CONNECT"), (":protocol", "x")], dropping: [":method"], first: true), ends: false)
    },
    .stream("RFC 8441", ":protocol without CONNECT", .protocolError) {
      try $0.headers(1, withGet([(":protocol", "websocket")], first: true), ends: false)
    },
  ]

  @Test(arguments: ofConnections) func theConnectionEnds(_ mistake: Mistake) throws {
    var peer = try RawPeer()
    #expect(throws: HTTP2Error.self) { try mistake.commit(&peer) }
    #expect(peer.frames().goAwayCode == mistake.code)
    #expect(throws: HTTP2Error.self) { try peer.send(6, stream: 0, [UInt8](repeating: 0, count: 8)) }
  }

  @Test(arguments: ofStreams) func theStreamIsReset(_ mistake: Mistake) throws {
    var peer = try RawPeer()
    try mistake.commit(&peer)
    #expect(peer.frames().resetCode(1) == mistake.code)
    // The connection is unharmed.
    _ = peer.events()
    try peer.headers(7, RawPeer.get)
    #expect(peer.events().contains { if case .request(7, _, _) = $0 { true } else { false } })
  }

  @Test func noPreface() throws {
    var peer = try RawPeer(begins: false)
    #expect(throws: HTTP2Error.self) { try peer.send(text: "GET / HTTP/1.1\r\n\r\n") }
  }

  @Test func theFirstFrameMustBeSettings() throws {
    var peer = try RawPeer(begins: false)
    try peer.send(text: RawPeer.preface)
    #expect(throws: HTTP2Error.self) { try peer.send(6, stream: 0, [UInt8](repeating: 0, count: 8)) }
    #expect(peer.frames().goAwayCode == 1)
  }

  @Test func whatIsUnknownIsIgnored() throws {
    var peer = try RawPeer()
    try peer.send(0x42, 0xFF, stream: 77, [1, 2, 3])
    try peer.send(4, stream: 0, [0xAB, 0xCD, 0, 0, 0, 1])
    try peer.send(6, 0xF0, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8])
    let frames = peer.frames()
    #expect(frames.of(6).first?.payload == [1, 2, 3, 4, 5, 6, 7, 8] && frames.of(6).first?.flags == 1)
    #expect(frames.goAwayCode == nil)
  }

  @Test func tooManyStreamsAreRefused() throws {
    var limits = HTTP2Limits()
    limits.concurrentStreams = 2
    var peer = try RawPeer(limits: limits)
    for id: UInt32 in [1, 3, 5] { try peer.headers(id, RawPeer.get) }
    #expect(peer.frames().resetCode(5) == 7)
    #expect(peer.connection.streamCount == 2)
  }

  @Test func aLongHeadIsAnsweredAndABombEndsTheConnection() throws {
    var limits = HTTP2Limits()
    limits.fieldListBytes = 1000
    limits.largestFieldListBytes = 4000
    var peer = try RawPeer(limits: limits)
    try peer.headers(1, RawPeer.get + [("x-long", String(repeating: "a", count: 1500))])
    let events = peer.events()
    #expect(events.contains { if case .refused(1, .headTooLarge) = $0 { true } else { false } })
    #expect(throws: HTTP2Error.self) {
      try peer.headers(3, RawPeer.get + [("x-long", String(repeating: "b", count: 5000))])
    }
    #expect(peer.frames().goAwayCode == 11)
  }

  @Test func moreThanTheConnectionsWindow() throws {
    var limits = HTTP2Limits()
    limits.connectionWindow = 100_000
    var peer = try RawPeer(limits: limits)
    for id: UInt32 in [1, 3] { try peer.headers(id, RawPeer.post, ends: false) }
    for id: UInt32 in [1, 3] { for _ in 0..<3 { try peer.data(id, 16_384) } }
    #expect(throws: HTTP2Error.self) { try peer.data(1, 16_384) }
    #expect(peer.frames().goAwayCode == 3)
  }

  @Test func budgetsFillWithTime() throws {
    var peer = try RawPeer()
    for second in 0..<100 {
      peer.now = UInt64(second) * 1_000_000_000
      for _ in 0..<150 { try peer.send(6, stream: 0, [UInt8](repeating: 0, count: 8)) }
      _ = peer.frames()
    }
  }

  @Test func randomBytesNeverTrap() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      var peer = try RawPeer()
      try? peer.headers(1, RawPeer.post, ends: false)
      for _ in 0..<8 {
        let length = Int.random(in: 0...40, using: &random)
        let payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let type = UInt8.random(in: 0...10, using: &random)
        let stream = UInt32.random(in: 0...5, using: &random)
        guard (try? peer.send(type, UInt8.random(in: 0...255, using: &random), stream: stream, payload)) != nil else {
          break
        }
        for event in peer.events() {
          if case .body(let id, let bytes) = event { peer.connection.consumed(bytes.readableBytes, of: id) }
          if case .request(let id, _, _) = event {
            peer.connection.sendHead(id, ResponseHead(status: 200, framing: .chunked), endsStream: false)
            peer.connection.sendBody(id, ByteBuffer(repeating: 0, count: 100))
          }
        }
        _ = peer.frames()
      }
    }
  }
}
