/// Requests that two readers might take differently, and requests that all take alike.
enum Corpus {
  struct Refused: Sendable, CustomStringConvertible {
    var text: String
    var status: Int
    var description: String { text.debugDescription }

    init(_ text: String, _ status: Int = 400) {
      self.text = text
      self.status = status
    }
  }

  private static func post(_ fields: String, _ body: String = "") -> String {
    "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
  }

  static let refusedRequests: [Refused] = [
    // Framing fields against each other
    Refused(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
    Refused(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
    Refused(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")),
    Refused(post("Content-Length: 5, 5\r\n", "hello")),
    Refused(post("Content-Length: +5\r\n", "hello")),
    Refused(post("Content-Length: -5\r\n", "hello")),
    Refused(post("Content-Length: 0x5\r\n", "hello")),
    Refused(post("Content-Length: 5 5\r\n", "hello")),
    Refused(post("Content-Length:\r\n", "hello")),
    Refused(post("Content-Length: 99999999999999999999\r\n", "hello")),
    Refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501),
    Refused(post("Transfer-Encoding: identity\r\n"), 501),
    Refused(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
    Refused(post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501),
    Refused(post("Transfer-Encoding: \u{0B}chunked\r\n", "0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\u{0}\r\n", "0\r\n\r\n")),
    Refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    // Field lines
    Refused(post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
    Refused(post("Content-Length\t: 5\r\n", "hello")),
    Refused(post("X: a\r\n b\r\n")),
    Refused(post("X: a\r\n\tb\r\n")),
    Refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    Refused(post("X\r\n")),
    Refused(post(": x\r\n")),
    Refused(post("X Y: z\r\n")),
    Refused(post("X(: z\r\n")),
    Refused(post("X: a\u{0}b\r\n")),
    Refused(post("X: a\u{7F}b\r\n")),
    Refused(post("X: a\rb\r\n")),
    Refused(post("X: a\r\r\n")),
    Refused(post("X: a\n")),
    Refused("GET / HTTP/1.1\nHost: a\n\n"),
    Refused("GET / HTTP/1.1\r\nHost: a\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a\r\n\n"),
    Refused("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Request line
    Refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    Refused(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
    Refused("GET / http/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET / HTTP/1\r\nHost: a\r\n\r\n"),
    Refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    Refused("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    Refused("GET /\r\n\r\n"),
    Refused("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Refused("\u{16}\u{3}\u{1}\r\n\r\n"),
    // Host
    Refused("GET / HTTP/1.1\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"),
    Refused("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    Refused("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Chunks
    Refused(post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", " 5\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5 ;a\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", ";a\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "1000000000000000\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5;a\u{0}\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "0\r\nX : y\r\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "0\r\nX: y\n\r\n")),
    Refused(post("Transfer-Encoding: chunked\r\n", "0\r\n X: y\r\n\r\n")),
    // Expectations
    Refused(post("Expect: 200-ok\r\n"), 417),
    Refused(post("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 417),
  ]

  static let good: [String] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "HEAD /x HTTP/1.1\r\nhOsT: A.example\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:22 HTTP/1.1\r\nHost: a:22\r\n\r\n",
    "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n",
    "M-SEARCH / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\nZ:\t \tz\t\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n000A;a=\"b\"\r\n0123456789\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n00\r\nT: 1\r\nU: 2\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: \u{E9}\u{20AC}\r\n\r\n",
    "GET /a%20b?c=[d]|{e}^`\"<> HTTP/1.1\r\nHost: a_b\r\n\r\n",
  ]
}
