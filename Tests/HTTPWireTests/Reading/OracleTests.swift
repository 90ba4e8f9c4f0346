import HTTPOracles
import HTTPWire
import TestSupport
import Testing

/// llhttp, through NIOHTTP1, as the judge: whatever we accept it must accept, and understand in the same way.
@Suite struct OracleTests {
  @Test func whatWeAcceptLlhttpReadsAlike() {
    var generator = SeededGenerator(0x1234_5678_9ABC_DEF1)
    var compared = 0
    var refused = 0
    for round in 0..<1500 {
      let bytes = Self.request(&generator, mutated: round % 2 == 1)
      let (count, difference) = HTTP1Oracle.disagreement(requests: bytes)
      #expect(difference == nil, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
      if readRequests(bytes).error != nil { refused += 1 }
      compared += count
    }
    #expect(compared > 500)
    #expect(refused > 200)
  }

  @Test func whatWeAcceptOfServicesLlhttpReadsAlike() {
    var generator = SeededGenerator(0xA5A5_1234_0F0F_9999)
    var compared = 0
    for round in 0..<1500 {
      let bytes = Self.response(&generator, mutated: round % 2 == 1)
      let method: RequestMethod = Int.random(in: 0...4, using: &generator) == 0 ? .head : .get
      let (count, difference) = HTTP1Oracle.disagreement(
        responses: bytes, to: method, closes: Bool.random(using: &generator))
      #expect(difference == nil, "\(method) \(String(decoding: bytes, as: UTF8.self).debugDescription)")
      compared += count
    }
    #expect(compared > 400)
  }

  /// Corpora written by hand: what is good is read alike, and nothing of what is bad is read at all.
  @Test func theCorpora() {
    for text in Corpus.good {
      #expect(HTTP1Oracle.disagreement(requests: Array(text.utf8)).text == nil, "\(text.debugDescription)")
    }
    for refused in Corpus.refusedRequests {
      #expect(HTTP1Oracle.disagreement(requests: Array(refused.text.utf8)) == (0, nil), "\(refused)")
    }
  }

  private static let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]

  private static func request(_ generator: inout SeededGenerator, mutated: Bool) -> [UInt8] {
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
    let bytes = Array(text.utf8)
    return mutated ? changed(bytes, &generator) : bytes
  }

  private static func changed(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = original
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

  private static func response(_ generator: inout SeededGenerator, mutated: Bool) -> [UInt8] {
    var text = ""
    for _ in 0..<Int.random(in: 0...2, using: &generator) { text += "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" }
    let statuses = ["200 OK", "204 No Content", "304 Not Modified", "404 ", "500 \u{e9}", "205 Reset", "301"]
    text += "HTTP/1.\(Int.random(in: 0...9, using: &generator) == 0 ? 0 : 1) "
    text += "\(statuses.randomElement(using: &generator) ?? "200 OK")\r\n"
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      text +=
        ["Server: x", "Set-Cookie: a=b; Path=/", "X-Tab:\ta ", "Connection: close", "Vary: a, b", "X-Empty:"]
        .randomElement(using: &generator) ?? ""
      text += "\r\n"
    }
    switch Int.random(in: 0...3, using: &generator) {
    case 0: text += "Content-Length: 5\r\n\r\nhello"
    case 1: text += "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
    case 2: text += "Content-Length: 0\r\n\r\n"
    default: text += "\r\nuntil the end"
    }
    let bytes = Array(text.utf8)
    return mutated ? changed(bytes, &generator) : bytes
  }
}
