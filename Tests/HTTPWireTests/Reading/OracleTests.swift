import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// llhttp, through NIOHTTP1, as the judge: whatever we accept it must accept, and understand in the same way.
@Suite struct OracleTests {
  /// xorshift: the same corpus in every run.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  @Test func whatWeAcceptLlhttpReadsAlike() throws {
    var generator = Generator(state: 0x1234_5678_9ABC_DEF1)
    var accepted = 0
    var refused = 0
    for round in 0..<4000 {
      let bytes = Self.request(&generator, mutated: round % 2 == 1)
      let ours = readRequests(bytes, step: Int.random(in: 1...200, using: &generator))
      guard ours.error == nil, let last = ours.messages.last, last.isWhole, ours.leftOver == 0 else {
        refused += 1
        continue
      }
      // llhttp knows a fixed set of methods; for us any token is one.
      guard ours.messages.allSatisfy({ Self.methods.contains(String($0.start.prefix { $0 != " " })) }) else { continue }
      accepted += 1
      let theirs = Self.oracle(bytes)
      #expect(theirs == ours.messages, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
    #expect(accepted > 1000)
    #expect(refused > 500)
  }

  private static let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]

  private static func request(_ generator: inout Generator, mutated: Bool) -> [UInt8] {
    let targets = ["/", "/a/b?c=d", "/%2e%2e/x", "//x", "/a;b=c", "/?"]
    var text = ""
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      text +=
        "\(Self.methods.randomElement(using: &generator) ?? "GET") \(targets.randomElement(using: &generator) ?? "/")"
      text += " HTTP/1.1\r\nHost: example.com\r\n"
      let names = ["Accept", "X-Long", "cookie", "User-Agent", "x_y", "A"]
      let values = ["a", "", "a b", "\ttab", "\"quoted\"", "x, y", "0123456789"]
      for _ in 0..<Int.random(in: 0...4, using: &generator) {
        text += "\(names.randomElement(using: &generator) ?? "A"):\(Bool.random(using: &generator) ? " " : "")"
        text += "\(values.randomElement(using: &generator) ?? "")\r\n"
      }
      switch Int.random(in: 0...3, using: &generator) {
      case 0: text += "Content-Length: 5\r\n\r\nhello"
      case 1:
        text += "Transfer-Encoding: chunked\r\n\r\n"
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
          let size = Int.random(in: 1...20, using: &generator)
          text += String(size, radix: 16) + (Bool.random(using: &generator) ? ";e=f" : "") + "\r\n"
          text += String(repeating: "z", count: size) + "\r\n"
        }
        text += "0\r\n" + (Bool.random(using: &generator) ? "Trailer-Field: t\r\n" : "") + "\r\n"
      default: text += "\r\n"
      }
    }
    var bytes = Array(text.utf8)
    guard mutated else { return bytes }
    let tokens: [[UInt8]] = [
      [0x0D], [0x0A], [0x20], [0], [0x3A], [0x0D, 0x0A], Array("Content-Length: 3\r\n".utf8),
      Array("Transfer-Encoding: chunked\r\n".utf8), [0x2C], [0x30], [0xFF], [0x3B],
    ]
    for _ in 0..<Int.random(in: 1...2, using: &generator) {
      let index = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0...2, using: &generator) {
      case 0: bytes.remove(at: index)
      case 1: bytes.insert(contentsOf: tokens.randomElement(using: &generator) ?? [], at: index)
      default: bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
    }
    return bytes
  }

  /// NIOHTTP1 leaves blanks behind a value.
  private static func trimmed(_ value: String) -> String {
    String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }

  /// `nil` when llhttp refuses the bytes.
  private static func oracle(_ bytes: [UInt8]) -> [ReadMessage]? {
    let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
    defer { _ = try? channel.finish() }
    var messages: [ReadMessage] = []
    do {
      try channel.writeInbound(ByteBuffer(bytes: bytes))
      while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
        switch part {
        case .head(let head):
          var message = ReadMessage()
          message.start = "\(head.method.rawValue) \(head.uri) HTTP/\(head.version.major).\(head.version.minor)"
          message.headers = head.headers.map { "\($0.name.lowercased()): \(trimmed($0.value))" }
          messages.append(message)
        case .body(let bytes): messages[messages.count - 1].body += String(buffer: bytes)
        case .end(let trailers):
          messages[messages.count - 1].trailers =
            trailers?.map { "\($0.name.lowercased()): \(trimmed($0.value))" } ?? []
          messages[messages.count - 1].isWhole = true
        }
      }
    } catch {
      return nil
    }
    return messages
  }
}
