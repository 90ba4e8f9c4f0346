import HTTPWire
import NIOCore
import Testing

@Suite struct ResponseReaderTests {
  @Test func readsEveryFraming() {
    let length = readResponses("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    #expect(length.error == nil && length.messages.first?.body == "abc" && length.messages.first?.isWhole == true)
    let chunked = readResponses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n")
    #expect(chunked.messages.first?.body == "abc" && chunked.messages.first?.trailers == ["a: b"])
    let close = readResponses("HTTP/1.0 200 OK\r\n\r\nabc", thenCloses: true)
    #expect(close.messages.first?.body == "abc" && close.messages.first?.isWhole == true)
  }

  @Test func headNoContentAndNotModifiedHaveNoBody() {
    let head = readResponses("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", to: .head)
    #expect(head.messages.first?.isWhole == true && head.error == nil)
    #expect(readResponses("HTTP/1.1 204 No Content\r\n\r\n").messages.first?.isWhole == true)
    #expect(readResponses("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").messages.first?.isWhole == true)
  }

  @Test func interimResponsesComeFirstAndAreCounted() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    let result = readResponses(String(repeating: interim, count: 8) + "HTTP/1.1 204 No\r\n\r\n")
    #expect(result.error == nil && result.messages.count == 9)
    #expect(readResponses(String(repeating: interim, count: 9)).error?.status == 400)
  }

  @Test func switchingProtocolsMustHaveBeenAskedFor() {
    let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nraw\u{0}bytes"
    #expect(readResponses(text).error != nil)
    let result = readResponses(text, mayUpgrade: true)
    #expect(result.error == nil && result.messages.first?.body == "raw\u{0}bytes")
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : b\r\n\r\n",
    "HTTP/1.1 200 OK\nX: b\n\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 600 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/1.1 200 O\u{0}K\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ])
  func refuses(_ text: String) {
    #expect(readResponses(text).error != nil, "\(text.debugDescription)")
    #expect(readResponses(text, step: 1).error != nil, "\(text.debugDescription)")
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nContent-Le",
    "",
  ])
  func aResponseCutShortIsAnError(_ text: String) {
    #expect(readResponses(text, thenCloses: true).error == .truncated)
  }

  /// A service that is no HTTP server is known by its first bytes; nobody waits for the rest of a head.
  @Test(arguments: ["SSH-2.0-x\r\n", "\u{5}\u{0}", "HTTP/2", "http/1.1", "220 mail"])
  func rubbishIsKnownByItsFirstBytes(_ text: String) {
    #expect(readResponses(text).error == .malformed("a response that is no HTTP/1"))
    #expect(readResponses("HTTP/1").error == nil)
  }

  @Test func bytesWithoutARequestAreAnError() {
    var reader = ResponseReader()
    var buffer = ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n")
    #expect(throws: WireError.self) { try reader.next(from: &buffer) }
  }

  @Test func pieceSizeDoesNotMatter() {
    let text =
      "HTTP/1.1 103 Hi\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: u\r\n\r\n"
    let whole = readResponses(text)
    for step in 1...20 { #expect(readResponses(text, step: step) == whole) }
  }
}
