/// The head of a response.
package struct ResponseHead: Sendable {
  package var status: Int
  /// The reason phrase as it came; may be empty.
  package var reason: String
  package var headers: HeaderList
  package var version: HTTPVersion
  package var framing: BodyFraming
  /// Whether the connection may carry another exchange after this one.
  package var keepsAlive: Bool

  package init(
    status: Int, reason: String? = nil, headers: HeaderList = HeaderList(), version: HTTPVersion = .http11,
    framing: BodyFraming = .none, keepsAlive: Bool = true
  ) {
    self.status = status
    self.reason = reason ?? Self.reason(of: status)
    self.headers = headers
    self.version = version
    self.framing = framing
    self.keepsAlive = keepsAlive
  }

  package var isInterim: Bool { status >= 100 && status < 200 && status != 101 }

  /// The phrase RFC 9110 section 15 gives a status.
  package static func reason(of status: Int) -> String {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 103: "Early Hints"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 495: "SSL Certificate Error"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: ""
    }
  }
}
