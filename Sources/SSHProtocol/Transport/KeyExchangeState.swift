import EdgeCrypto
import NIOCore

/// Where a key exchange stands; first exchange and rekey alike.
enum KeyExchangeState {
  /// No exchange, or none begun yet.
  case idle
  /// Our KEXINIT is out, the peer's has not come.
  case proposed(Offer)
  /// Both KEXINITs are known: a server waits for 30, a client for 31.
  case exchanging(Exchange)
  /// The server's half is being computed elsewhere.
  case computing(Exchange)
  /// Our NEWKEYS is out; the peer's brings these keys into force.
  case awaitingNewKeys(PacketProtection, NegotiatedAlgorithms)

  struct Offer {
    let message: KeyExchangeInitMessage
    /// As sent or received, number included: raw bytes are hashed, never a re-serialised form.
    let payload: [UInt8]
  }

  struct Exchange {
    let algorithms: NegotiatedAlgorithms
    let transcript: SessionKeys.Transcript
    /// The peer guessed wrong: its next packet is dropped.
    var dropsNextPacket: Bool
    /// Client only.
    let share: ClientKeyShare?
  }

  var expectation: String {
    switch self {
    case .idle: "KEXINIT, or a message of the phase"
    case .proposed: "KEXINIT"
    case .exchanging: "a message of the key exchange"
    case .computing: "nothing before our reply"
    case .awaitingNewKeys: "NEWKEYS"
    }
  }
}
