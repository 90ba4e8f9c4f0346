import HTTPWire
import Routing

/// A request for one of our own pages, read whole.
package struct OwnRequest: Sendable {
  /// Where it was addressed to.
  package enum Place: Sendable {
    case authenticateHost
    case route(Route)
    case unknownHost
  }

  package var method: RequestMethod
  /// Lower case, without the port.
  package var host: String
  package var port: Int?
  /// Exactly as it came, without the query.
  package var path: String
  package var query: String?
  package var headers: HeaderList
  /// At most 64 KiB.
  package var body: [UInt8]
  /// The visitor's address, after trusted proxies.
  package var remoteAddress: String
  package var requestID: String
  package var place: Place

  package init(
    method: RequestMethod, host: String, port: Int? = nil, path: String, query: String? = nil,
    headers: HeaderList = HeaderList(), body: [UInt8] = [], remoteAddress: String = "127.0.0.1",
    requestID: String = "test", place: Place
  ) {
    self.method = method
    self.host = host
    self.port = port
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
    self.remoteAddress = remoteAddress
    self.requestID = requestID
    self.place = place
  }
}
