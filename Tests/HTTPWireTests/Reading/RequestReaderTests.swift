import HTTPWire
import NIOCore
import Testing

@Suite struct RequestReaderTests {
  @Test func readsAPlainRequest() {
    let result = readRequests("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept:  */* \r\n\r\n")
    #expect(result.error == nil)
    #expect(result.messages.count == 1)
    #expect(result.messages.first?.start == "GET /a?b=c HTTP/1.1")
    #expect(result.messages.first?.headers == ["host: example.com", "accept: */*"])
    #expect(result.messages.first?.isWhole == true)
  }

  @Test func readsPipelinedRequestsInOrder() {
    let result = readRequests(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        + "PUT /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n0\r\nT: v\r\n\r\n")
    #expect(result.error == nil)
    #expect(result.messages.map(\.start) == ["POST /1 HTTP/1.1", "GET /2 HTTP/1.1", "PUT /3 HTTP/1.1"])
    #expect(result.messages.map(\.body) == ["abc", "", "wiki"])
    #expect(result.messages.last?.trailers == ["t: v"])
    #expect(result.messages.map(\.isWhole) == [true, true, true])
  }

  @Test(arguments: [1, 2, 3, 7, 64])
  func pieceSizeDoesNotMatter(_ step: Int) {
    for text in Corpus.good + Corpus.refusedRequests.map(\.text) {
      let whole = readRequests(text)
      let pieces = readRequests(text, step: step)
      #expect(whole.error.map(\.status) == pieces.error.map(\.status), "\(text.debugDescription)")
      if whole.error == nil { #expect(whole == pieces, "\(text.debugDescription)") }
    }
  }

  @Test(arguments: Corpus.refusedRequests)
  func refuses(_ refused: Corpus.Refused) {
    let result = readRequests(refused.text)
    #expect(result.error?.status == refused.status, "\(refused.text.debugDescription) gave \(result)")
  }

  @Test(arguments: Corpus.good)
  func accepts(_ text: String) {
    let result = readRequests(text)
    #expect(result.error == nil, "\(text.debugDescription)")
    #expect(result.messages.last?.isWhole == true)
    #expect(result.leftOver == 0)
  }

  @Test func aLongTargetIs414AndALargeHead431() {
    let long = String(repeating: "a", count: 17 << 10)
    #expect(readRequests("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n").error == .targetTooLong)
    #expect(readRequests("GET /\(long)").error == .targetTooLong)
    let cookies = (0..<7).map { "Cookie: c\($0)=\(long)\r\n" }.joined()
    #expect(readRequests("GET / HTTP/1.1\r\nHost: a\r\n\(cookies)\r\n").error == .headTooLarge)
    let many = (0..<129).map { "X\($0): y\r\n" }.joined()
    #expect(readRequests("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n").error == .headTooLarge)
  }

  /// Security rule 19.
  @Test func theHeadHasRoomFor64KiBOfCookie() {
    let cookie = String(repeating: "x", count: 64 << 10)
    let result = readRequests("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=\(cookie)\r\n\r\n", step: 1460)
    #expect(result.error == nil)
    #expect(result.messages.count == 1)
  }

  @Test func anEndlessHeadOrLineIsRefusedBeforeItEnds() {
    let endless = String(repeating: "A: b\r\n", count: 20000)
    #expect(readRequests("GET / HTTP/1.1\r\nHost: a\r\n" + endless, step: 999).error == .headTooLarge)
    let chunk =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + String(repeating: "x", count: 400)
    #expect(readRequests(chunk, step: 10).error?.status == 400)
    let extensions = (0..<200).map { _ in "1;" + String(repeating: "x", count: 200) + "\r\na\r\n" }.joined()
    let body = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + extensions
    #expect(readRequests(body, step: 100).error?.status == 400)
  }

  @Test func afterAMistakeNothingMoreIsRead() throws {
    var reader = RequestReader()
    var buffer = ByteBuffer(string: "GET / HTTP/1.1\nHost: a\r\n\r\n")
    #expect(throws: WireError.self) { try reader.next(from: &buffer) }
    buffer = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(throws: WireError.self) { try reader.next(from: &buffer) }
  }

  @Test func absoluteTargetsAreTakenApart() throws {
    var reader = RequestReader()
    var buffer = ByteBuffer(string: "GET http://Example.com:8080?x=1 HTTP/1.1\r\nHost: example.com:8080\r\n\r\n")
    guard case .head(let head) = try reader.next(from: &buffer) else {
      Issue.record("no head")
      return
    }
    #expect(head.target == "/?x=1")
    #expect(head.path == "/")
    #expect(head.query == "x=1")
    #expect(head.authority == Authority(host: "example.com", port: 8080))
  }

  @Test func keepAliveFollowsVersionAndConnection() throws {
    let cases: [(String, Bool)] = [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, close\r\n\r\n", false),
      ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", false),
      ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true),
    ]
    for (text, keeps) in cases {
      var reader = RequestReader()
      var buffer = ByteBuffer(string: text)
      guard case .head(let head) = try reader.next(from: &buffer) else {
        Issue.record("no head")
        continue
      }
      #expect(head.keepsAlive == keeps, "\(text.debugDescription)")
    }
  }
}
