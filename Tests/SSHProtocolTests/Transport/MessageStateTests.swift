import Testing

@testable import SSHProtocol

/// Appendix B of the specification: every message number in every state of a server has one defined answer.
@Suite("every message in every state")
struct MessageStateTests {
  @Test("has its answer", arguments: ProbeState.allCases)
  func table(state: ProbeState) {
    for number in UInt8.min...UInt8.max {
      let answer = StateProbe.answer(state, number)
      #expect(answer == expected(state, number), "\(state.rawValue), message \(number)")
    }
  }

  private func expected(_ state: ProbeState, _ number: UInt8) -> ProbeAnswer {
    if state == .ended { return .silence }
    if state == .verifying { return verifying(number) }
    switch number {
    case MessageNumber.disconnect:
      return .hangsUp
    case MessageNumber.ignore, MessageNumber.unimplemented, MessageNumber.debug:
      // Terrapin: nothing but the exchange before the first NEWKEYS of a strict one. Before the client's KEXINIT nobody
      // knows yet whether it will be one; then the KEXINIT is refused for not being the first.
      return state.isInClear && state.isStrict && state != .beforeOffer ? .dies : .silence
    default:
      break
    }
    switch state {
    case .beforeOffer:
      return number == 20 ? .replies([20]) : .dies
    case .exchangingStrict, .exchangingLax, .rekeyExchanging:
      return number == 30 ? .replies([31, 21]) : .dies
    case .wrongGuessStrict, .wrongGuessLax, .rekeyWrongGuess:
      // Dropped, whatever it is (RFC 4253 §7), but there is one KEXINIT only.
      return number == 20 ? .dies : .silence
    case .computingStrict, .computingLax, .rekeyComputing:
      return .dies
    case .repliedStrict, .repliedLax, .rekeyReplied:
      return number == 21 ? .silence : .dies
    case .firstPacket, .beforeService:
      if number == 5 { return .replies([6]) }
      return number == 7 && state == .firstPacket ? .silence : .dies
    case .idle, .deciding, .partial, .prompted, .waiting, .approved:
      return authenticating(state, number)
    case .open:
      return signedIn(number)
    case .rekeyBegun:
      // The peer has not seen our KEXINIT: all is legal still, and answers wait for our NEWKEYS.
      if number == 20 { return .silence }
      if case .replies = signedIn(number) { return .silence }
      return signedIn(number)
    case .verifying, .ended:
      return .silence
    }
  }

  /// A signature is checked elsewhere: what is for the layers above waits, the transport's own is as ever.
  private func verifying(_ number: UInt8) -> ProbeAnswer {
    switch number {
    case 1...4: .silence
    case let number where MessageNumber.belongsToTransport(number): .dies
    default: .silence
    }
  }

  private func authenticating(_ state: ProbeState, _ number: UInt8) -> ProbeAnswer {
    switch number {
    // paramiko asks for the service before every request.
    case 5: return .replies([6])
    case 50: return .replies([51])
    case 61:
      switch state {
      // An answer to what was asked; one more while the browser is waited for is harmless, and counted.
      case .prompted, .waiting: return .silence
      case .approved: return .replies([52])
      default: return .dies
      }
    default: return .dies
    }
  }

  private func signedIn(_ number: UInt8) -> ProbeAnswer {
    switch number {
    case 5, 6, 7, 21, 30...49, 51...53, 60, 61: .dies
    case 20: .replies([20])
    // RFC 4252 §5.1.
    case 50: .silence
    case 80: .replies([82])
    // Replies that nobody asked for: few are borne.
    case 81, 82: .silence
    // A session is the owner's to accept.
    case 90: .silence
    // Of channels that there never were.
    case 91...100: .dies
    case 192: .replies([193])
    case 193: .silence
    default: .replies([3])
    }
  }
}
