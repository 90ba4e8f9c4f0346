import HTTPWire
import NIOCore

/// The visitor's half of an exchange, whichever version of HTTP it speaks. Used on the visitor's loop only.
protocol VisitorSide: AnyObject {
  /// The port that the other end of the connection comes from; 0 when that is not known.
  var remotePort: Int { get }
  /// Whether what is sent leaves; `Exchange.visitorWritabilityChanged` tells when that changes.
  var isWritable: Bool { get }

  func sendInterim(_ head: ResponseHead, mask: FieldMask)
  /// `framing` is how the body arrives; the visitor's side frames it in its own way.
  func sendHead(_ head: ResponseHead, mask: FieldMask, additions: [HeaderList])
  func sendBody(_ bytes: ByteBuffer)
  /// The response is whole. Ends the exchange on this side.
  func sendEnd(trailers: HeaderList?)
  /// After a 101: from here on bytes belong to another protocol, both ways.
  func becomeRaw()
  /// Nothing more comes from the service; the visitor may still send.
  func finishRaw()
  func flush()
  /// No further request on this connection: something of this one could be left in it.
  func closeAfterResponse()
  /// The exchange takes body bytes again, or no longer.
  func bodyDemandChanged()
  /// Both directions are over. What was sent still leaves.
  func finishBoth()
  /// The response cannot be completed: the visitor must see that it broke off.
  func abort()
}
