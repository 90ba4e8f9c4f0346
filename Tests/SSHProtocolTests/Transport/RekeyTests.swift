import EdgeCrypto
import NIOCore
import TestSupport
import Testing

@testable import SSHProtocol

@Suite("rekeying")
struct RekeyTests {
  private func rekeys(_ events: [SSHEvent]) -> Int { events.count { $0.name == "rekeyed" } }

  private func transfer(_ pair: ConnectionPair, bytes count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    guard let id = pair.client.openChannel(.session) else {
      Issue.record("no channel: \(String(describing: pair.serverError)) \(String(describing: pair.clientError))")
      return
    }
    pair.run()
    var sent = 0
    while sent < count, pair.serverError == nil, pair.clientError == nil {
      let piece = Array(bytes[sent..<min(count, sent + 50_000)])
      pair.client.write(ByteBuffer(bytes: piece), to: id)
      pair.server.write(ByteBuffer(bytes: piece), to: ChannelID(number: 0, generation: 1))
      sent += piece.count
      pair.run()
    }
    #expect(pair.serverError == nil)
    #expect(pair.clientError == nil)
    #expect(pair.serverReceived == bytes)
    #expect(pair.clientReceived == bytes)
  }

  @Test("by bytes, started by the server, the client, or both", arguments: CipherAlgorithm.allCases)
  func byBytes(cipher: CipherAlgorithm) {
    for (serverLimit, clientLimit) in [(100_000, nil), (nil, 100_000), (70_000, 90_000)] as [(UInt64?, UInt64?)] {
      let pair = ConnectionPair(
        server: { $0.rekey.bytes = serverLimit },
        client: {
          $0.rekey.bytes = clientLimit
          $0.algorithms.ciphers = [cipher]
        })
      pair.start()
      transfer(pair, bytes: 1_000_000)
      #expect(rekeys(pair.serverEvents) >= 5)
    }
  }

  @Test("a limit smaller than a packet makes progress all the same")
  func tinyLimit() {
    let pair = ConnectionPair(client: { $0.rekey.bytes = 16 })
    pair.start()
    transfer(pair, bytes: 200_000)
    #expect(rekeys(pair.serverEvents) > 3)
  }

  @Test("by packets, and by time when the keys have carried something")
  func byPacketsAndTime() {
    let pair = ConnectionPair(server: { $0.rekey.packets = 20 })
    pair.start()
    transfer(pair, bytes: 1_000_000)
    #expect(rekeys(pair.serverEvents) >= 2)

    let timed = ConnectionPair(server: {
      $0.rekey.interval = .seconds(60)
      $0.keepalive = nil
    })
    timed.start()
    #expect(rekeys(timed.serverEvents) == 0)
    // Idle: nothing is worn out.
    timed.advance(by: .seconds(61))
    #expect(rekeys(timed.serverEvents) == 0)
    transfer(timed, bytes: 600_000)
    timed.advance(by: .seconds(61))
    #expect(rekeys(timed.serverEvents) == 1)
  }

  @Test("what waits for an exchange to end is bounded in answered pings, too")
  func pings() {
    let pair = ConnectionPair().start()
    pair.server.startRekey()
    var ping = ByteBuffer()
    ping.writeInteger(MessageNumber.ping)
    ping.writeSSHString("x")
    for _ in 0..<100 { pair.inject(ping.bytes) }
    for bytes in pair.takeClient() { pair.feedServer(bytes) }
    #expect(pair.serverHeldMessages == 16)
    pair.run()
    #expect(pair.serverError == nil)
    #expect(rekeys(pair.serverEvents) == 1)
  }

  @Test("in pieces, and without strict key exchange's sequence reset too", arguments: 0..<4)
  func inPieces(seed: Int) {
    var generator = SeededGenerator(UInt64(seed))
    let pair = ConnectionPair(
      server: { $0.rekey.bytes = 60_000 },
      client: { $0.algorithms.ciphers = [seed % 2 == 0 ? .chachaPoly : .aes128CTR] })
    pair.chunk = { .random(in: 1...9000, using: &generator) }
    pair.start()
    transfer(pair, bytes: 400_000)
  }

  @Test("what is said while keys are exchanged waits for NEWKEYS, in order")
  func held() throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    pair.client.startRekey()
    #expect(!pair.clientMayCarryMessages)
    pair.client.write(ByteBuffer(string: "data"), to: id)
    pair.client.sendChannelRequest(.exec("late"), on: id, wantsReply: true)
    #expect(!pair.clientHasSealableData)
    _ = pair.client.sendGlobalRequest("x@example", wantsReply: true)
    let bytes = pair.takeClient()
    // Only KEXINIT has left.
    #expect(bytes.reduce(0) { $0 + $1.readableBytes } < 1500)
    for piece in bytes { pair.feedServer(piece) }
    pair.run()
    #expect(pair.serverError == nil)
    #expect(pair.serverReceived == Array("data".utf8))
    #expect(pair.clientEvents.contains { $0.name == "globalRequestAnswered" })
    #expect(pair.clientEvents.contains { $0.name == "channelRequestAnswered" })
  }

  @Test("data in flight is taken until the peer's KEXINIT, and a protocol error after it")
  func inFlight() throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    // The server begins; the client's data crosses its KEXINIT.
    pair.server.startRekey()
    pair.client.write(ByteBuffer(string: "crossing"), to: id)
    for bytes in pair.takeClient() { pair.feedServer(bytes) }
    #expect(pair.serverReceived == Array("crossing".utf8))
    pair.run()
    #expect(pair.serverError == nil)

    pair.client.startRekey()
    for bytes in pair.takeClient() { pair.feedServer(bytes) }
    pair.inject([MessageNumber.channelEOF, 0, 0, 0, 0])
    for bytes in pair.takeClient() { pair.feedServer(bytes) }
    #expect(pair.serverError?.kind == .outOfPhase)
  }

  @Test("both may begin at the same time")
  func simultaneous() {
    let pair = ConnectionPair().start()
    pair.server.startRekey()
    pair.client.startRekey()
    pair.run()
    #expect(pair.serverError == nil)
    #expect(rekeys(pair.serverEvents) == 1)
    #expect(rekeys(pair.clientEvents) == 1)
  }

  @Test("a rekey that does not end within 30 s ends the connection, and what waits for it is bounded")
  func neverFinished() {
    let pair = ConnectionPair().start()
    pair.server.startRekey()
    _ = pair.takeServer()
    pair.time.advance(by: .seconds(31))
    pair.advance(by: 0)
    #expect(pair.serverError?.kind == .timedOut)

    let flooded = ConnectionPair().start()
    flooded.server.startRekey()
    let large = ByteBuffer(repeating: 0, count: 30_000)
    for _ in 0..<40 { _ = flooded.server.sendGlobalRequest("x", wantsReply: false, data: large) }
    flooded.drainServer()
    #expect(flooded.serverError?.kind == .limit)
  }

  @Test("a client that rekeys again and again without data is ended; before sign-in none may")
  func abuse() {
    let pair = ConnectionPair().start()
    for _ in 0..<12 {
      pair.client.startRekey()
      pair.run()
    }
    #expect(pair.serverError?.kind == .limit)

    // PuTTY renews its keys each hour, idle or not.
    let patient = ConnectionPair(server: { $0.keepalive = nil }, client: { $0.keepalive = nil }).start()
    for _ in 0..<30 {
      patient.advance(by: .seconds(3600))
      patient.client.startRekey()
      patient.run()
    }
    #expect(patient.serverError == nil)
    #expect(rekeys(patient.serverEvents) == 30)

    let early = ConnectionPair()
    early.automatic = false
    early.start()
    early.client.transport.isAuthenticated = true
    early.client.startRekey()
    early.run()
    #expect(early.serverError?.kind == .outOfPhase)
  }

  @Test("EXT_INFO is for the first keys only")
  func lateExtensions() {
    let pair = ConnectionPair().start()
    pair.client.startRekey()
    pair.run()
    pair.inject([MessageNumber.extensionInfo, 0, 0, 0, 0])
    pair.run()
    #expect(pair.serverError?.kind == .outOfPhase)
  }

  @Test("a key exchange that stops halfway ends after 30 s, wherever it stopped", arguments: 0..<3)
  func stopsHalfway(step: Int) {
    let pair = ConnectionPair(server: { $0.keepalive = nil }, client: { $0.keepalive = nil }).start()
    pair.client.startRekey()
    for round in 0..<step {
      for bytes in pair.takeClient() { pair.feedServer(bytes) }
      if round + 1 < step { for bytes in pair.takeServer() { pair.feedClient(bytes) } }
    }
    if step == 0 { pair.server.startRekey() }
    let begin = pair.time.now
    #expect(pair.serverDeadline.map { $0 <= begin + .seconds(30) } == true)
    pair.time.advance(by: .seconds(29))
    #expect(pair.serverFailureByTime == nil)
    pair.time.advance(by: .seconds(1))
    #expect(pair.serverFailureByTime?.kind == .timedOut)
  }

  @Test("KEXINIT twice, NEWKEYS out of place and second NEWKEYS end the connection")
  func outOfPlace() {
    let newKeys = ConnectionPair().start()
    newKeys.inject([MessageNumber.newKeys])
    newKeys.run()
    #expect(newKeys.serverError?.kind == .outOfPhase)

    let twice = ConnectionPair().start()
    var payload = ByteBuffer()
    RawPeer.offer().write(into: &payload)
    twice.inject(payload.bytes)
    twice.inject(payload.bytes)
    twice.run()
    #expect(twice.serverError?.kind == .outOfPhase)
  }
}
