/// How far a call of the TLS engine came.
package struct TLSProgress: Sendable {
  /// Bytes taken from the input.
  package var consumed = 0
  /// Bytes put into the output; they are to be sent whatever the status is.
  package var produced = 0
  /// Bytes of plaintext put into the plaintext region.
  package var plaintext = 0
  package var status = TLSStatus.needsInput

  package init() {}
}

package enum TLSStatus: Sendable, Equatable {
  /// All input was taken; more is needed to go on.
  case needsInput
  /// The plaintext region is full and there may be more: call again.
  case plaintextFull
  /// The peer's close_notify came: its bytes are complete.
  case closedByPeer
  /// The connection is dead. What was produced holds the alert that tells the peer.
  case failed(TLSError)
}
