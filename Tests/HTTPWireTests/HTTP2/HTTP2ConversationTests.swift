import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

/// Random conversations with swift-nio-http2, in both roles: what one says, the other understands, to the byte.
@Suite struct HTTP2ConversationTests {
  /// What one side says on a stream, in order.
  struct Message: Equatable {
    var fields: [String] = []
    var body: [UInt8] = []
    var trailers: [String] = []
    var isWhole = false
  }

  /// What is to be said: a section, pieces of a body, perhaps trailers.
  struct Script {
    var fields: [(String, String)]
    var pieces: [[UInt8]]
    var trailers: [(String, String)]?

    var message: Message {
      var message = Message()
      message.fields = fields.map { "\($0.0): \($0.1)" }
      message.body = pieces.flatMap(\.self)
      message.trailers = (trailers ?? []).map { "\($0.0): \($0.1)" }
      message.isWhole = true
      return message
    }
  }

  @Test func itsClientAndOurServer() throws {
    var generator = SeededGenerator(0x0123_4567_89AB_CDEF)
    for _ in 0..<6 {
      var talk = try ConversationWithClient()
      let requests = (0..<Int.random(in: 1...12, using: &generator)).map { _ in Self.request(&generator) }
      let responses = requests.map { _ in Self.response(&generator) }
      try talk.hold(requests, responses, &generator)
      for (index, request) in requests.enumerated() {
        #expect(talk.heardByUs[UInt32(2 * index + 1)] == Self.asRequest(request.message))
        #expect(talk.heardByThem[UInt32(2 * index + 1)] == responses[index].message)
      }
      #expect(talk.connection.streamCount == 0)
    }
  }

  @Test func itsServerAndOurClient() throws {
    var generator = SeededGenerator(0xFEDC_BA98_7654_3210)
    for _ in 0..<6 {
      var talk = try ConversationWithServer()
      let requests = (0..<Int.random(in: 1...12, using: &generator)).map { _ in Self.request(&generator) }
      let responses = requests.map { _ in Self.response(&generator) }
      try talk.hold(requests, responses, &generator)
      for (index, request) in requests.enumerated() {
        #expect(talk.heardByThem[UInt32(2 * index + 1)] == request.message)
        #expect(talk.heardByUs[UInt32(2 * index + 1)] == Self.asResponse(responses[index].message))
      }
      #expect(talk.connection.streamCount == 0)
    }
  }

  // MARK: Scripts

  private static func request(_ generator: inout SeededGenerator) -> Script {
    let method = ["GET", "POST", "PUT", "DELETE", "BREW"].randomElement(using: &generator) ?? "GET"
    let path =
      ["/", "/a?b=c", "/%41;x=y//z", "/" + String(repeating: "p", count: 300)].randomElement(using: &generator) ?? "/"
    var script = Script(
      fields: [(":method", method), (":scheme", "https"), (":path", path), (":authority", "app.test:8443")], pieces: [])
    finish(&script, &generator)
    return script
  }

  private static func response(_ generator: inout SeededGenerator) -> Script {
    let status = ["200", "204", "301", "404", "418", "503"].randomElement(using: &generator) ?? "200"
    var script = Script(fields: [(":status", status)], pieces: [])
    finish(&script, &generator)
    return script
  }

  private static func finish(_ script: inout Script, _ generator: inout SeededGenerator) {
    let names = ["accept", "x-a", "user-agent", "x-long", "etag", "authorization", "x-bytes"]
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      let length = Int.random(in: 0...10, using: &generator) == 0 ? Int.random(in: 0...1500, using: &generator) : 12
      let value = (0..<length).map { _ in "abcXYZ0189-_./*\u{e9}".randomElement(using: &generator) ?? "a" }
      script.fields.append((names.randomElement(using: &generator) ?? "x", String(value)))
    }
    for _ in 0..<Int.random(in: 0...4, using: &generator) {
      let length = [1, 10, 5000, 16_384, 30_000].randomElement(using: &generator) ?? 1
      script.pieces.append((0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) })
    }
    if Int.random(in: 0...2, using: &generator) == 0 { script.trailers = [("x-sum", "7"), ("x-end", "")] }
  }

  /// As our machine hands requests on: Host in front, in the form of HTTP/1.1.
  private static func asRequest(_ message: Message) -> Message {
    var told = message
    told.fields.removeAll { $0.hasPrefix(":") }
    let start = message.fields.filter { $0.hasPrefix(":method") || $0.hasPrefix(":path") }
    told.fields = start + ["host: app.test:8443"] + told.fields
    return told
  }

  private static func asResponse(_ message: Message) -> Message { message }
}
