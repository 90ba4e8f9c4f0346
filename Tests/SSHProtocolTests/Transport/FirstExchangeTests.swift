import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("before the first keys")
struct FirstExchangeTests {
  @Test(
    "identification lines that are none are refused",
    arguments: [
      "GET / HTTP/1.1\r\n", "SSH-1.5-old\r\n", "SSH-2.0-\r\n", "\r\n", "SSH-2.0-x\r\u{1}", "SSH-2.0-a\u{0}b\r\n",
      "SSH-2.0-" + String(repeating: "x", count: 300), "\u{16}\u{3}\u{1}",
    ])
  func badIdentification(line: String) {
    var connection = SSHConnection(SSHConfiguration(role: .server))
    connection.start()
    do {
      try connection.receive(ByteBuffer(string: line))
      Issue.record("taken")
    } catch {
      #expect(error.kind == .identification)
      connection.disconnect(error)
    }
    var text = ""
    while let bytes = connection.takeOutbound() { text += String(buffer: bytes) }
    #expect(text == "SSH-2.0-TunnelEdge_1.0\r\nInvalid SSH identification string.\r\n")
  }

  @Test("LF alone ends a line, 1.99 is taken, comments are kept")
  func goodIdentification() throws {
    var reader = IdentificationReader(role: .server, limits: SSHLimits())
    var bytes = ByteBuffer(string: "SSH-1.99-OpenSSH_9.2p1 Debian\nrest")
    let line = try reader.read(&bytes)
    #expect(line?.line == "SSH-1.99-OpenSSH_9.2p1 Debian")
    #expect(line?.isOpenSSH == true)
    #expect(String(buffer: bytes) == "rest")
  }

  @Test("a client reads lines before the identification, within bounds")
  func linesBefore() throws {
    var reader = IdentificationReader(role: .client, limits: SSHLimits())
    var bytes = ByteBuffer(string: "hello\r\nworld\nSSH-2.0-x\r\n")
    #expect(try reader.read(&bytes)?.line == "SSH-2.0-x")
    var many = IdentificationReader(role: .client, limits: SSHLimits())
    var lines = ByteBuffer(string: String(repeating: "a\n", count: 65))
    #expect(throws: SSHError.self) { _ = try many.read(&lines) }
    var long = IdentificationReader(role: .client, limits: SSHLimits())
    var line = ByteBuffer(string: String(repeating: "a", count: 1100))
    #expect(throws: SSHError.self) { try long.read(&line) }
  }

  @Test("every message number as first packet: only KEXINIT and the harmless ones are let through", arguments: 0...255)
  func firstPacket(number: Int) {
    for body in [[], [0], [0, 0, 0, 0]] as [[UInt8]] {
      var peer = RawPeer()
      peer.send([UInt8(number)] + body)
      switch number {
      case 2, 3, 4: #expect(peer.error == nil, "\(number)")
      default: #expect(peer.error != nil, "\(number)")
      }
    }
  }

  @Test("strict: anything before KEXINIT ends the connection when KEXINIT comes", arguments: [2, 3, 4] as [UInt8])
  func strictFirstPacket(number: UInt8) {
    var peer = RawPeer()
    peer.send([number, 0, 0, 0, 0])
    peer.sendOffer()
    #expect(peer.error?.kind == .outOfPhase)
  }

  @Test("not strict: ignorable messages are ignored before and within the exchange")
  func lenient() {
    var peer = RawPeer()
    peer.send([2, 0, 0, 0, 0])
    peer.sendOffer { $0 = RawPeer.offer(strict: false) }
    peer.send([4, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    peer.sendPublic()
    #expect(peer.error == nil)
    #expect(peer.received().map { $0[0] } == [20, 31, 21])
  }

  @Test("a wrong guess is dropped once, a right one is used")
  func guesses() {
    var wrong = RawPeer()
    wrong.sendOffer { $0.firstPacketFollows = true }
    wrong.send([30, 1, 2, 3])  // of another method
    wrong.sendPublic()
    #expect(wrong.error == nil)
    #expect(wrong.received().map { $0[0] } == [20, 31, 21])

    var twice = RawPeer()
    twice.sendOffer { $0.firstPacketFollows = true }
    twice.send([30, 1, 2, 3])
    twice.send([30, 1, 2, 3])
    #expect(twice.error != nil)

    var right = RawPeer { $0.algorithms.keyExchange = [.curve25519] }
    right.sendOffer { $0.firstPacketFollows = true }
    right.sendPublic()
    #expect(right.error == nil)
    #expect(right.received().map { $0[0] } == [20, 31, 21])
  }

  @Test("ciphers, compression or strictness that we do not serve end the exchange")
  func refusals() {
    var none = RawPeer()
    none.sendOffer { $0.encryptionToServer = ["none"] }
    #expect(none.error?.kind == .negotiation)
    var zlib = RawPeer()
    zlib.sendOffer { $0.compressionToClient = ["zlib"] }
    #expect(zlib.error?.kind == .negotiation)
    var rsa = RawPeer()
    rsa.sendOffer { $0.hostKey = ["ssh-rsa"] }
    #expect(rsa.error?.reason == .keyExchangeFailed)
    var lax = RawPeer { $0.requiresStrictKeyExchange = true }
    lax.sendOffer { $0 = RawPeer.offer(strict: false) }
    #expect(lax.error?.kind == .negotiation)
    var markers = RawPeer()
    markers.sendOffer { $0.keyExchange = ["ext-info-c", "kex-strict-c-v00@openssh.com"] }
    #expect(markers.error?.kind == .negotiation)
  }

  @Test("a length field of 4 GiB allocates nothing and ends the connection")
  func hugeLength() {
    var peer = RawPeer()
    peer.feed(ByteBuffer(bytes: hex("fffffff0") + [UInt8](repeating: 0, count: 12)))
    #expect(peer.error?.kind == .framing)
  }

  @Test("silence ends: without an identification, and without keys")
  func silence() throws {
    let time = ManualClock()
    var configuration = SSHConfiguration(role: .server)
    configuration.clock = time.clock
    var silent = SSHConnection(configuration)
    silent.start()
    #expect(silent.deadline == time.now + .seconds(10))
    time.advance(by: .seconds(10))
    do {
      try silent.timePassed()
      Issue.record("still waiting")
    } catch {
      #expect(error.kind == .timedOut)
    }

    var peer = RawPeer()
    peer.time.advance(by: .seconds(30))
    #expect(peer.passTime()?.kind == .timedOut)
  }
}

/// Security rule 38.
@Suite("what our KEXINIT lists")
struct OfferTests {
  private func ciphers(_ peer: inout RawPeer) throws -> [String] {
    let payload = try #require(peer.received().first { $0.first == 20 })
    return try KeyExchangeInitMessage(payload: ByteBuffer(bytes: payload), limits: SSHLimits()).encryptionToClient
  }

  private let all = CipherAlgorithm.allCases.map(\.name)
  private let gcm = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]

  @Test("we wait for the client's KEXINIT, at most 300 ms")
  func waits() throws {
    var peer = RawPeer(ident: "SSH-2.0-OpenSSH_9.2")
    #expect(peer.received().isEmpty)
    #expect(peer.connection.deadline == peer.time.now + .milliseconds(300))
    peer.time.advance(by: .milliseconds(300))
    try peer.connection.timePassed()
    #expect(try ciphers(&peer) == AlgorithmPreferences.standard.ciphers.map(\.name))
  }

  @Test("an OpenSSH client that offers AES-GCM gets only AES-GCM")
  func prefersGCM() throws {
    var peer = RawPeer(ident: "SSH-2.0-OpenSSH_9.2")
    peer.sendOffer()
    #expect(try ciphers(&peer) == gcm)
  }

  @Test("an OpenSSH client without AES-GCM, another client, and a switched-off preference get the full list")
  func fullList() throws {
    var without = RawPeer(ident: "SSH-2.0-OpenSSH_9.2")
    without.sendOffer {
      $0.encryptionToServer = ["chacha20-poly1305@openssh.com"]
      $0.encryptionToClient = ["chacha20-poly1305@openssh.com"]
    }
    #expect(try ciphers(&without).contains("chacha20-poly1305@openssh.com"))
    var other = RawPeer(ident: "SSH-2.0-dropbear_2024.86")
    other.sendOffer()
    #expect(Set(try ciphers(&other)) == Set(all))
    var off = RawPeer(ident: "SSH-2.0-OpenSSH_9.2") { $0.prefersAESGCM = false }
    off.sendOffer()
    #expect(Set(try ciphers(&off)) == Set(all))
  }

  @Test("a client that is not strict gets no ChaCha20 when it offers another of ours")
  func terrapin() throws {
    var peer = RawPeer(ident: "SSH-2.0-PuTTY_Release_0.78")
    peer.sendOffer { $0 = RawPeer.offer(strict: false) }
    #expect(!(try ciphers(&peer).contains("chacha20-poly1305@openssh.com")))
    var only = RawPeer(ident: "SSH-2.0-old")
    only.sendOffer {
      $0 = RawPeer.offer(strict: false)
      $0.encryptionToServer = ["chacha20-poly1305@openssh.com"]
      $0.encryptionToClient = ["chacha20-poly1305@openssh.com"]
    }
    #expect(try ciphers(&only).contains("chacha20-poly1305@openssh.com"))
  }

  @Test("the strict marker and ext-info are always ours, in the first KEXINIT only")
  func markers() throws {
    var peer = RawPeer()
    peer.sendOffer { $0 = RawPeer.offer(strict: false) }
    let payload = try #require(peer.received().first { $0.first == 20 })
    let offer = try KeyExchangeInitMessage(payload: ByteBuffer(bytes: payload), limits: SSHLimits())
    #expect(offer.keyExchange.suffix(2) == ["ext-info-s", "kex-strict-s-v00@openssh.com"])
    #expect(offer.keyExchange.first == "mlkem768x25519-sha256")
  }
}
