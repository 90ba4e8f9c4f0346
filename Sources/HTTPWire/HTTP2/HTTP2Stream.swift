import DequeModule
import NIOCore

/// One request and its response on a connection (RFC 9113 section 5.1). A stream that is over has no such value.
struct HTTP2Stream {
  enum Half {
    /// The final head has not passed.
    case head
    case body
    case ended
  }

  var receiving = Half.head
  var sending = Half.head
  /// What we may send; negative after the peer has lowered its setting.
  var sendWindow: Int
  var receiveWindow: HTTP2ReceiveWindow
  /// What Content-Length promised, and what has come of it.
  var declaredLength: UInt64?
  var receivedLength: UInt64 = 0
  /// Body bytes that wait for windows and their turn.
  private var outbound = Deque<ByteBuffer>()
  private(set) var queued = 0
  /// Bytes of the body that have left.
  var sentLength: UInt64 = 0
  /// To be sent behind the body.
  var trailerFields: HeaderList?
  var endsAfterQueue = false
  var priority = HTTP2Priority.inTurns
  var isInTurn = false
  /// The sender was told to wait.
  var isHeld = false
  /// Bytes of another protocol, both ways: the end of one direction is not the end of the other.
  var isTunnel = false
  /// A tunnel of which nothing more is wanted.
  var isAbandoned = false
  /// A client's: how many have come before the final head.
  var interimResponses = 0
  /// A client's: the request was HEAD, so a length promises nothing.
  var isHead = false

  init(sendWindow: Int, limits: HTTP2Limits) {
    self.sendWindow = sendWindow
    receiveWindow = HTTP2ReceiveWindow(size: limits.streamWindow, largest: limits.largestStreamWindow)
  }

  var hasSomethingToSend: Bool { queued > 0 || (endsAfterQueue && sending != .ended) }

  var takesBody: Bool { sending == .body && !endsAfterQueue }

  /// Up to this size, pieces that wait are put together.
  private static let smallPiece = 8 << 10

  mutating func queue(_ bytes: ByteBuffer, highWaterMark: Int) {
    queued += bytes.readableBytes
    if queued >= highWaterMark { isHeld = true }
    if let waiting = outbound.last?.readableBytes, waiting + bytes.readableBytes <= Self.smallPiece,
      var gathered = outbound.popLast()
    {
      gathered.writeImmutableBuffer(bytes)
      outbound.append(gathered)
    } else {
      outbound.append(bytes)
    }
  }

  /// Moves queued bytes behind the frame header that announces them.
  mutating func takeQueued(_ count: Int, into out: inout ByteBuffer) {
    var left = count
    while left > 0, var bytes = outbound.popFirst() {
      let length = min(left, bytes.readableBytes)
      if var piece = bytes.readSlice(length: length) { out.writeBuffer(&piece) }
      left -= length
      queued -= length
      if bytes.readableBytes > 0 { outbound.prepend(bytes) }
    }
  }
}
