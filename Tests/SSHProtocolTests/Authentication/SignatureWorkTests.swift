import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// Signatures that cost much are checked elsewhere, and nothing overtakes them.
struct SignatureWorkTests {
  /// A client that is signed in as far as the service.
  private func begin() -> RawPeer {
    var peer = RawPeer { $0.keyExchangeOffload = .expensive }
    peer.establish()
    peer.send(StateProbe.payload(5))
    return peer
  }

  private func handedOut(_ events: [SSHEvent]) -> SignatureWork? {
    for case .signatureWork(let work) in events.reversed() { return work }
    return nil
  }

  @Test(arguments: [Fixtures.p384, Fixtures.p521, Fixtures.rsa])
  func theDearOnesAreHandedOut(key: PrivateKey) throws {
    var peer = begin()
    peer.request(.publicKey(key))
    let work = try #require(handedOut(peer.events))
    #expect(peer.lastLogin == nil)
    peer.connection.completeSignature(work, work.run())
    peer.feed(ByteBuffer())
    #expect(peer.lastLogin != nil && peer.error == nil)
  }

  @Test(arguments: [Fixtures.p256, Fixtures.otherED25519])
  func theCheapOnesAreCheckedInPlace(key: PrivateKey) throws {
    var peer = begin()
    peer.request(.publicKey(key))
    let none = handedOut(peer.events) == nil
    #expect(none)
    #expect(peer.lastLogin != nil)
  }

  @Test func theNextMessageWaits() throws {
    var peer = begin()
    peer.request(.publicKey(Fixtures.rsa))
    let work = try #require(handedOut(peer.events))
    _ = peer.received()
    // Another request, which would abandon the first one, and one that no client may send.
    peer.request(.none)
    peer.send(StateProbe.payload(80))
    #expect(peer.received().isEmpty && peer.error == nil && peer.lastLogin == nil)
    peer.connection.completeSignature(work, work.run())
    peer.feed(ByteBuffer())
    // First who it is, then that they began anew, then the end.
    let order = peer.events.compactMap { event -> String? in
      switch event {
      case .login: "login"
      case .loginAbandoned: "abandoned"
      default: nil
      }
    }
    #expect(order == ["login", "abandoned"])
    #expect(peer.error?.kind == .outOfPhase)
  }

  @Test func aWrongSignatureIsAFailureLikeAnyOther() throws {
    var peer = RawPeer {
      $0.keyExchangeOffload = .expensive
      $0.authentication.failureDelay = 0
    }
    peer.establish()
    peer.send(StateProbe.payload(5))
    var client = ClientAuthentication(SharedSSHConfiguration(SSHConfiguration(role: .client)))
    peer.send(
      try client.request(.publicKey(Fixtures.rsa), username: "alice", sessionID: [1, 2, 3]).bytes)
    _ = peer.received()
    let work = try #require(handedOut(peer.events))
    peer.connection.completeSignature(work, work.run())
    peer.feed(ByteBuffer())
    #expect(peer.received().map(\.first) == [51])
    #expect(peer.connection.failedAuthentications == 1 && peer.lastLogin == nil)
    // Once only.
    peer.connection.completeSignature(work, work.run())
    peer.feed(ByteBuffer())
    #expect(peer.received().isEmpty)
  }

  @Test func whoWaitsForItIsStillBoundByTime() throws {
    var peer = begin()
    peer.request(.publicKey(Fixtures.rsa))
    let work = try #require(handedOut(peer.events))
    peer.time.advance(by: .seconds(121))
    #expect(peer.passTime()?.kind == .timedOut)
    peer.connection.disconnect(.byApplication, "too late")
    peer.connection.completeSignature(work, work.run())
    peer.feed(ByteBuffer())
    #expect(peer.lastLogin == nil)
  }

  @Test func aHugeKeyIsRefusedBySize() throws {
    // 16,384 bits are as much as a number may have, 16,392 more; neither is ever multiplied with anything.
    for bytes in [2048, 2049, 4096] {
      var blob = ByteBuffer()
      blob.writeSSHString("ssh-rsa")
      blob.writeMultiplePrecision([1, 0, 1])
      blob.writeMultiplePrecision([UInt8](repeating: 0xff, count: bytes))
      let key = blob.bytes
      #expect(throws: SSHError.self) { try SSHPublicKey(blob: key) }
      var peer = begin()
      var request = ByteBuffer(bytes: [50])
      for text in ["alice", "ssh-connection", "publickey"] { request.writeSSHString(text) }
      request.writeSSHBoolean(true)
      request.writeSSHString("rsa-sha2-512")
      request.writeSSHString(key)
      request.writeSSHString([UInt8](repeating: 1, count: 64))
      peer.send(request.bytes)
      let none = handedOut(peer.events) == nil
      #expect(none)
      #expect(peer.connection.failedAuthentications == 1)
    }
  }

  @Test(
    "a name with control characters is no name, whichever they are",
    arguments: ["a\u{0}", "a\u{1b}[2J", "a\u{7f}", "a\u{85}b", "a\u{9b}2J"])
  func names(name: String) {
    var peer = begin()
    var request = ByteBuffer(bytes: [50])
    for text in [name, "ssh-connection", "none"] { request.writeSSHString(text) }
    peer.send(request.bytes)
    #expect(peer.error?.kind == .malformed)
  }
}
