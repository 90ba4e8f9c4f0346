import NIOCore

/// What happened on a connection, in order. Each case says what the owner of the connection owes in return.
package enum SSHEvent {
  /// The first key exchange is done; authentication may begin.
  case keysEstablished(KeyExchangeSummary)
  case rekeyed(KeyExchangeSummary)
  /// Only with `KeyExchangeOffload.expensive`: run it anywhere, then `completeKeyExchange`.
  case keyExchangeWork(KeyExchangeWork)
  /// Close the socket. The text is the peer's: make it printable before it goes anywhere.
  case peerDisconnected(reason: UInt32, text: String)

  /// Likewise; answered with `completeHostKeyProofs`.
  case hostKeyProofWork(HostKeyProofWork)

  // Server: authentication.
  /// Only with `KeyExchangeOffload.expensive`: run it anywhere, then `completeSignature`. Until then nothing else happens.
  case signatureWork(SignatureWork)
  /// A signature was verified. Answer once, whenever you like: `acceptLogin`, `requireSignIn` or `refuseLogin`.
  case login(ProvenLogin)
  /// A certificate that the client offered was answered with FAILURE; for the log.
  case certificateRefused(reason: String)
  /// The client has displayed the prompt and waits.
  case signInShown(LoginAttempt)
  case promptAnswered(LoginAttempt, [String])
  /// The client has begun anew: stop what you were waiting for.
  case loginAbandoned(LoginAttempt)
  /// SUCCESS is on its way (server), or has come (client). Connection messages are legal from now on.
  case authenticated(username: String)

  // Client: authentication.
  case serviceAccepted
  case authenticationFailed(canContinue: [String], partial: Bool)
  case keyAccepted(blob: [UInt8])
  case interactivePrompt(InteractivePrompt)
  case banner(String)

  // Global requests.
  /// Answer with `answer(_:success:port:)` when there is a token.
  case forwardRequested(ForwardAddress, reply: ReplyToken?)
  case forwardCancelled(ForwardAddress, reply: ReplyToken?)
  /// To be refused: a server of ours has no Unix sockets.
  case socketForwardRequested(path: String, reply: ReplyToken?)
  case globalRequestAnswered(GlobalRequestID, success: Bool, data: ByteBuffer)

  // Channels.
  /// Accept or reject.
  case channelOpenRequested(ChannelID, ChannelOpen)
  case channelOpened(ChannelID)
  case channelOpenFailed(ChannelID, reason: UInt32, text: String)
  /// `consumed` is owed once the bytes were passed on.
  case channelData(ChannelID, ByteBuffer)
  case channelExtendedData(ChannelID, code: UInt32, ByteBuffer)
  case channelEOF(ChannelID)
  case channelRequest(ChannelID, ChannelRequest, reply: ReplyToken?)
  case channelRequestAnswered(ChannelID, success: Bool)
  case channelWritable(ChannelID)
  /// The last event of a channel.
  case channelClosed(ChannelID, ChannelEnd)
}

/// Names a channel for as long as it lives; one that is over never names a later one.
package struct ChannelID: Sendable, Hashable, CustomStringConvertible {
  package let number: UInt32
  let generation: UInt32

  package var description: String { "channel \(number)" }
}

/// A request of the peer's that waits for our answer.
package struct ReplyToken: Sendable, Hashable {
  let channel: ChannelID?
  let number: UInt32
}

/// A global request of ours that wants a reply.
package struct GlobalRequestID: Sendable, Hashable {
  let number: UInt32
}

package enum ChannelEnd: Sendable, Equatable {
  /// In order: after EOF, or because we closed it.
  case finished
  /// CLOSE without EOF.
  case reset
  case connectionLost
}

/// How a channel of ours is to end.
package enum ChannelClosing: Sendable, Equatable {
  /// Data that waits still goes, then EOF and CLOSE.
  case afterQueued
  /// What waits is dropped.
  case now
}
