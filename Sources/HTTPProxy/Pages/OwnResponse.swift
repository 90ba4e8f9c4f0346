import HTTPWire

/// An answer of the edge itself. Content-Length, Date and Connection are added by the one who sends it.
package struct OwnResponse: Sendable {
  package var status: Int
  package var headers: HeaderList
  package var body: [UInt8]
  package var closesConnection: Bool

  package init(status: Int, headers: HeaderList = HeaderList(), body: [UInt8] = [], closesConnection: Bool = false) {
    self.status = status
    self.headers = headers
    self.body = body
    self.closesConnection = closesConnection
  }
}
