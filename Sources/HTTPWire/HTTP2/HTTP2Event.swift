import NIOCore

/// What a connection has to tell its owner, in the order of the frames.
package enum HTTP2Event: Sendable {
  /// Server: a request's head. `endsStream` when no body follows.
  case request(UInt32, RequestHead, endsStream: Bool)
  /// Server: a request that gets an answer from us, with the status of the error.
  case refused(UInt32, WireError)
  /// Client: an interim or the final head of a response.
  case response(UInt32, ResponseHead, endsStream: Bool)
  /// To be given back with `consumed` once it is taken.
  case body(UInt32, ByteBuffer)
  case trailers(UInt32, HeaderList)
  /// The peer has sent everything of this stream.
  case end(UInt32)
  /// The stream is over before its time: by the peer, or because it broke the rules.
  case reset(UInt32, HTTP2ErrorCode, byPeer: Bool)
  /// The stream is over, both ways.
  case closed(UInt32)
  /// A stream that was told to wait may be written to again.
  case writable(UInt32)
  /// The peer begins or answers no stream beyond `lastStream`.
  case goAway(lastStream: UInt32, HTTP2ErrorCode)
  /// The peer's settings have come: the first time, and when they change.
  case settings
}
