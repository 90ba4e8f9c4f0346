import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// Appendix B of the specification, number by number.
@Suite("messages out of their phase")
struct MessagePhaseTests {
  private func beforeSignIn(service: Bool) -> ConnectionPair {
    let pair = ConnectionPair()
    pair.automatic = false
    pair.start()
    if service {
      pair.client.requestService()
      pair.run()
    }
    return pair
  }

  @Test("after the keys, before the service: SERVICE_REQUEST and the ignorable only", arguments: 0...255)
  func beforeService(number: Int) {
    let pair = beforeSignIn(service: false)
    pair.inject([UInt8(number), 0, 0, 0, 0])
    pair.run()
    switch number {
    case 2, 3, 4: #expect(pair.serverError == nil, "\(number)")
    case 7:
      // Its one place: right after the client's first NEWKEYS.
      #expect(pair.serverError == nil)
    case 5: #expect(pair.serverError?.kind == .authentication)
    default: #expect(pair.serverError != nil, "\(number)")
    }
  }

  @Test("during authentication: USERAUTH_REQUEST and the ignorable only", arguments: 0...255)
  func authenticating(number: Int) {
    let pair = beforeSignIn(service: true)
    pair.inject([UInt8(number), 0, 0, 0, 0])
    pair.run()
    switch number {
    case 2, 3, 4: #expect(pair.serverError == nil, "\(number)")
    case 1, 50: #expect(pair.serverError?.kind == .malformed)
    default: #expect(pair.serverError?.kind == .outOfPhase, "\(number)")
    }
  }

  @Test(
    "while the authenticator decides, channel and server messages end the connection",
    arguments: [6, 51, 52, 53, 60, 61, 80, 81, 90, 94, 98, 192])
  func deciding(number: Int) {
    let pair = beforeSignIn(service: true)
    pair.client.authenticate(username: "alice", method: .publicKey(Fixtures.ed25519))
    pair.run()
    #expect(pair.serverEvents.contains { $0.name == "login" })
    pair.inject([UInt8(number), 0, 0, 0, 0])
    pair.run()
    #expect(pair.serverError?.kind == .outOfPhase)
  }

  @Test("after sign-in: requests for it are ignored, unknown numbers answered, the rest refused", arguments: 0...255)
  func signedIn(number: Int) {
    let pair = ConnectionPair().start()
    #expect(pair.isSignedIn)
    pair.inject([UInt8(number), 0, 0, 0, 9])
    pair.run()
    switch number {
    case 2, 3, 4, 50: #expect(pair.serverError == nil, "\(number)")
    case 81, 82: #expect(pair.serverError == nil, "unasked, but few")
    case 80, 90...100, 1, 7, 20...49, 0, 5, 6, 51...79: #expect(pair.serverError != nil, "\(number)")
    case 192: #expect(pair.serverError?.kind == .malformed)
    case 193: #expect(pair.serverError == nil)
    default: #expect(pair.serverError == nil, "\(number): UNIMPLEMENTED")
    }
  }

  @Test("a ping is echoed; too many small or unknown messages end the connection")
  func floods() {
    let pings = ConnectionPair().start()
    var ping = ByteBuffer()
    ping.writeInteger(MessageNumber.ping)
    ping.writeSSHString("abc")
    pings.inject(ping.bytes)
    for bytes in pings.takeClient() { pings.feedServer(bytes) }
    #expect(pings.takeServer().count == 1)
    for _ in 0..<1100 { pings.inject(ping.bytes) }
    pings.run()
    #expect(pings.serverError?.kind == .limit)

    let unknown = ConnectionPair().start()
    for _ in 0..<101 { unknown.inject([200]) }
    unknown.run()
    #expect(unknown.serverError?.kind == .limit)

    let replies = ConnectionPair().start()
    for _ in 0..<101 { replies.inject([81]) }
    replies.run()
    #expect(replies.serverError?.kind == .limit)
  }

  @Test("EXT_INFO has one place and bounds")
  func extensions() {
    let twice = beforeSignIn(service: false)
    twice.inject([7, 0, 0, 0, 0])
    twice.inject([7, 0, 0, 0, 0])
    twice.run()
    #expect(twice.serverError?.kind == .outOfPhase)
    let endless = beforeSignIn(service: false)
    endless.inject([7, 0xff, 0xff, 0xff, 0xff])
    endless.run()
    #expect(endless.serverError?.kind == .malformed)
  }

  @Test("the client learns the server's signature algorithms")
  func serverExtensions() {
    let pair = ConnectionPair().start()
    #expect(pair.peerAlgorithms?.contains("rsa-sha2-512") == true)
    #expect(pair.peerAlgorithms?.contains("ssh-rsa") == false)
  }

  @Test("DISCONNECT is the last word")
  func disconnects() {
    let pair = ConnectionPair().start()
    pair.client.disconnect(.byApplication, "bye")
    pair.run()
    guard case .peerDisconnected(let reason, let text) = pair.serverEvents.last else {
      Issue.record("no disconnect")
      return
    }
    #expect(reason == 11)
    #expect(text == "bye")
    #expect(pair.openByServer(.session) == nil)
    #expect(pair.serverDeadline == nil)
  }
}
