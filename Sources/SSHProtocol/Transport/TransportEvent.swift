import NIOCore

/// What the transport gives to the layers above, in the order in which it came.
package enum TransportEvent {
  /// A service, authentication or connection message, or one of an unknown number.
  case message(ByteBuffer, number: UInt8, sequence: UInt32)
  case keysEstablished(KeyExchangeSummary)
  case rekeyed(KeyExchangeSummary)
  case extensions(names: [String], signatureAlgorithms: [String]?)
  case peerDisconnected(reason: UInt32, text: String)
  case keyExchangeWork(KeyExchangeWork)
}

/// What a finished key exchange has settled.
package struct KeyExchangeSummary: Sendable {
  package let peerIdentification: String
  /// The exchange hash of the first exchange, for life.
  package let sessionID: [UInt8]
  package let algorithms: NegotiatedAlgorithms
  package let isStrict: Bool
  package let hostKey: SSHPublicKey
  /// K_S of the first exchange as it was sent: the key's blob, or its certificate's.
  package let hostKeyBlob: [UInt8]
}
