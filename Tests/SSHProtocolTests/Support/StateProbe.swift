import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// Where a server's connection stands when a message comes.
enum ProbeState: String, CaseIterable {
  // In clear, before the first keys.
  case beforeOffer
  case exchangingStrict, exchangingLax
  case wrongGuessStrict, wrongGuessLax
  case computingStrict, computingLax
  case repliedStrict, repliedLax
  // With keys, before sign-in.
  case firstPacket, beforeService
  case idle, verifying, deciding, partial, prompted, waiting, approved
  // Signed in.
  case open, rekeyBegun, rekeyExchanging, rekeyWrongGuess, rekeyComputing, rekeyReplied
  case ended

  var isInClear: Bool {
    switch self {
    case .beforeOffer, .exchangingStrict, .exchangingLax, .wrongGuessStrict, .wrongGuessLax, .computingStrict,
      .computingLax, .repliedStrict, .repliedLax:
      true
    default: false
    }
  }

  var isStrict: Bool {
    switch self {
    case .exchangingLax, .wrongGuessLax, .computingLax, .repliedLax: false
    default: true
    }
  }
}

/// What the server did with one message.
enum ProbeAnswer: Equatable {
  /// Lives on and has said nothing.
  case silence
  /// Lives on and has sent these messages.
  case replies([UInt8])
  /// DISCONNECT.
  case dies
  /// Heard the peer's DISCONNECT.
  case hangsUp
}

/// Brings a server into a state, once per message, and says what it does with the message.
enum StateProbe {
  /// A body that is right for the number, where a number has one.
  static func payload(_ number: UInt8) -> [UInt8] {
    var body = ByteBuffer(bytes: [number])
    switch number {
    case 1:
      body.writeInteger(UInt32(11))
      body.writeSSHString("bye")
      body.writeSSHString("")
    case 2: body.writeSSHString("noise")
    case 3: body.writeInteger(UInt32(0))
    case 4:
      body.writeSSHBoolean(true)
      body.writeSSHString("text")
      body.writeSSHString("")
    case 5, 6: body.writeSSHString("ssh-userauth")
    case 7: body.writeInteger(UInt32(0))
    case 20:
      body.clear()
      RawPeer.offer().write(into: &body)
    case 30: body.writeSSHString((try? X25519().publicKey) ?? [])
    case 31:
      for _ in 0..<3 { body.writeSSHString("x") }
    case 50:
      body.writeSSHString("alice")
      body.writeSSHString("ssh-connection")
      body.writeSSHString("none")
    case 51:
      body.writeSSHString("publickey")
      body.writeSSHBoolean(false)
    case 53:
      body.writeSSHString("banner")
      body.writeSSHString("")
    case 60:
      for _ in 0..<3 { body.writeSSHString("") }
      body.writeInteger(UInt32(0))
    case 61: body.writeInteger(UInt32(0))
    case 80:
      body.writeSSHString("unheard-of@example.com")
      body.writeSSHBoolean(true)
    case 90:
      body.writeSSHString("session")
      for number in [7, 1000, 1000] as [UInt32] { body.writeInteger(number) }
    case 91:
      for number in [0, 7, 1000, 1000] as [UInt32] { body.writeInteger(number) }
    case 92:
      body.writeInteger(UInt32(0))
      body.writeInteger(UInt32(1))
      body.writeSSHString("")
      body.writeSSHString("")
    case 93:
      body.writeInteger(UInt32(0))
      body.writeInteger(UInt32(1))
    case 94:
      body.writeInteger(UInt32(0))
      body.writeSSHString("data")
    case 95:
      body.writeInteger(UInt32(0))
      body.writeInteger(UInt32(1))
      body.writeSSHString("data")
    case 96, 97, 99, 100: body.writeInteger(UInt32(0))
    case 98:
      body.writeInteger(UInt32(0))
      body.writeSSHString("shell")
      body.writeSSHBoolean(true)
    case 192, 193: body.writeSSHString("ping")
    default: break
    }
    return body.bytes
  }

  static func answer(_ state: ProbeState, _ number: UInt8) -> ProbeAnswer {
    let computes = [.computingStrict, .computingLax, .rekeyComputing, .verifying].contains(state)
    var peer = RawPeer {
      if computes { $0.keyExchangeOffload = .expensive }
      $0.algorithms.keyExchange = [.ecdhP521, .curve25519]
      $0.authentication.failureDelay = 0
    }
    if state.isInClear {
      offer(&peer, to: state)
    } else {
      peer.establish()
      signIn(&peer, to: state)
    }
    precondition(peer.error == nil, "\(state): \(String(describing: peer.error))")
    _ = peer.received()
    peer.send(payload(number))
    if peer.error == nil { peer.error = peer.passTime() }
    if peer.error != nil { return .dies }
    if case .peerDisconnected = peer.events.last { return .hangsUp }
    let replies = peer.received().compactMap(\.first)
    return replies.isEmpty ? .silence : .replies(replies)
  }

  /// KEXINIT, and what follows it in the state.
  private static func offer(_ peer: inout RawPeer, to state: ProbeState) {
    guard state != .beforeOffer else { return }
    peer.sendOffer {
      $0 = RawPeer.offer(strict: state.isStrict)
      switch state {
      case .computingStrict, .computingLax, .rekeyComputing:
        $0.keyExchange[0] = "ecdh-sha2-nistp521"
      case .wrongGuessStrict, .wrongGuessLax, .rekeyWrongGuess:
        $0.firstPacketFollows = true
      default:
        break
      }
    }
    switch state {
    case .computingStrict, .computingLax, .rekeyComputing:
      var share = ByteBuffer(bytes: [30])
      share.writeSSHString((try? ECDH(.p521).publicKey) ?? [])
      peer.send(share.bytes)
    case .repliedStrict, .repliedLax, .rekeyReplied:
      peer.sendPublic()
    default:
      break
    }
  }

  private static func signIn(_ peer: inout RawPeer, to state: ProbeState) {
    guard state != .firstPacket else { return }
    peer.send(payload(state == .beforeService ? 2 : 5))
    guard state != .beforeService, state != .idle else { return }
    guard state != .verifying else { return peer.request(.publicKey(Fixtures.p521)) }
    peer.proveKey()
    guard state != .deciding, let attempt = peer.lastLogin else { return }
    switch state {
    case .partial, .prompted, .waiting, .approved:
      _ = peer.connection.requireSignIn(attempt, prompt: InteractivePrompt(name: "n", instruction: "i"))
      guard state != .partial else { return }
      peer.request(.keyboardInteractive)
      if state == .approved { _ = peer.connection.acceptLogin(attempt) }
      if state == .waiting { peer.send(payload(61)) }
      return
    default:
      _ = peer.connection.acceptLogin(attempt)
      peer.feed(ByteBuffer())
    }
    switch state {
    case .rekeyBegun: peer.connection.startRekey()
    case .rekeyExchanging, .rekeyWrongGuess, .rekeyComputing, .rekeyReplied: offer(&peer, to: state)
    case .ended: peer.connection.disconnect(.byApplication, "over")
    default: break
    }
  }
}
