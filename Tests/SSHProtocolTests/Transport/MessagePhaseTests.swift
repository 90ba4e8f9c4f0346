import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// What the table of `MessageStateTests` has no room for: how often, how much, what is inside.
@Suite("messages and their bounds")
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

  @Test("a long text is cut to what clients show, its reference is not")
  func longFarewell() {
    let pair = ConnectionPair().start()
    pair.server.reference = "0123456789ab"
    pair.server.disconnect(.byApplication, String(repeating: "ä", count: 500))
    pair.run()
    guard case .peerDisconnected(_, let text) = pair.clientEvents.last else {
      Issue.record("no disconnect")
      return
    }
    #expect(text.utf8.count <= 400 && text.utf8.count > 390)
    #expect(text.hasSuffix("ä (connection 0123456789ab)"))
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
