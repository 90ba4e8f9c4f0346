/// The head of a request, as it was read: start line and fields.
package struct RequestHead: Sendable {
  package var method: RequestMethod
  /// What is asked for, in origin form (`/path?query`), or `*`, or for CONNECT the authority. An absolute target has been
  /// taken apart: its path and query are here, its authority is in `authority`.
  package var target: String
  package var version: HTTPVersion
  package var headers: HeaderList
  /// Whom it is addressed to: the Host field, with which an absolute target must agree. `nil` in HTTP/1.0 without Host.
  package var authority: Authority?
  package var framing: BodyFraming
  /// Whether the visitor waits for `100 Continue` before it sends the body.
  package var expectsContinue: Bool
  /// Whether the connection may serve another request after this one.
  package var keepsAlive: Bool
  package var pathShape: PathShape
  /// How many bytes of `target` come before the query.
  var pathLength: Int

  package init(
    method: RequestMethod, target: String, version: HTTPVersion = .http11, headers: HeaderList = HeaderList(),
    authority: Authority? = nil, framing: BodyFraming = .none, expectsContinue: Bool = false, keepsAlive: Bool = true
  ) {
    self.method = method
    self.target = target
    self.version = version
    self.headers = headers
    self.authority = authority
    self.framing = framing
    self.expectsContinue = expectsContinue
    self.keepsAlive = keepsAlive
    pathLength =
      target.utf8.firstIndex(of: ByteClass.questionMark).map {
        target.utf8.distance(from: target.utf8.startIndex, to: $0)
      } ?? target.utf8.count
    pathShape = PathShape(of: Array(target.utf8.prefix(pathLength))[...])
  }

  /// The target without its query, exactly as it came.
  package var path: String {
    pathLength == target.utf8.count ? target : String(decoding: target.utf8.prefix(pathLength), as: UTF8.self)
  }

  /// The query without its `?`; `nil` when there is none.
  package var query: String? {
    pathLength == target.utf8.count ? nil : String(decoding: target.utf8.dropFirst(pathLength + 1), as: UTF8.self)
  }

  package var hasBody: Bool {
    switch framing {
    case .none, .length(0): false
    case .length, .chunked, .untilClose: true
    }
  }
}
