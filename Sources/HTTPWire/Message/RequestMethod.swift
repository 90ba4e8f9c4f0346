/// What a request asks for (RFC 9110 section 9). Methods are case-sensitive.
package enum RequestMethod: Sendable, Hashable {
  case get, head, post, put, delete, options, patch, connect, trace
  case other(String)

  package init(_ text: String) {
    switch text {
    case "GET": self = .get
    case "HEAD": self = .head
    case "POST": self = .post
    case "PUT": self = .put
    case "DELETE": self = .delete
    case "OPTIONS": self = .options
    case "PATCH": self = .patch
    case "CONNECT": self = .connect
    case "TRACE": self = .trace
    default: self = .other(text)
    }
  }

  package var text: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch: "PATCH"
    case .connect: "CONNECT"
    case .trace: "TRACE"
    case .other(let text): text
    }
  }

  /// Whether asking twice does no more than asking once and changes nothing (RFC 9110 section 9.2.1).
  package var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    case .post, .put, .delete, .patch, .connect, .other: false
    }
  }
}

extension RequestMethod: CustomStringConvertible {
  package var description: String { text }
}
