import HTTPWire
import NIOCore
import Routing

/// The service's half of an exchange, whichever version of HTTP it speaks. Used on the visitor's loop only.
protocol ServiceSide: AnyObject {
  var key: UpstreamKey { get }
  /// Whether what is sent leaves; `Exchange.serviceWritabilityChanged` tells when that changes.
  var isWritable: Bool { get }
  /// Whether anything of the present response has come.
  var hasAnswered: Bool { get }
  /// Whether its connection has served before, and may have been about to end.
  var hasServed: Bool { get }

  func begin(_ exchange: Exchange, request: RequestRewriter)
  func sendBody(_ bytes: ByteBuffer)
  /// The request is whole.
  func sendEnd(trailers: HeaderList?)
  func sendRaw(_ bytes: ByteBuffer)
  /// No more raw bytes from the visitor.
  func finishWriting()
  func flush()
  /// Whether the exchange takes what the service sends.
  func setReading(_ reading: Bool)

  /// Its connection is for this session from now on.
  func restrict(to session: String?)
  /// The request has a body.
  func noteBody(of session: String?)
  /// The exchange authenticated the connection, not the request: it is no place for others.
  func taint()
  /// The service was asked to switch protocols and did not, or not in a way to be believed.
  func noteDeclinedUpgrade()
  /// It stays open for as long as the visitor likes.
  func noteLasting()
  /// From here on bytes belong to another protocol, both ways.
  func becomeRaw()

  /// The exchange is over, request and response whole.
  func release()
  /// The exchange is over otherwise.
  func close(_ end: StreamEnd)
}
