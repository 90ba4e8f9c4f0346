import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("channel requests and global requests")
struct RequestTests {
  @Test("answers leave in the order of the questions, whenever each is known")
  func globalOrder() {
    let pair = ConnectionPair().start()
    pair.automatic = false
    _ = pair.client.requestForward(ForwardAddress(host: "a", port: 443))
    _ = pair.client.sendGlobalRequest("keepalive@openssh.com", wantsReply: true)
    _ = pair.client.requestForward(ForwardAddress(host: "b", port: 0))
    pair.run()
    #expect(!pair.clientEvents.contains { $0.name == "globalRequestAnswered" })
    let tokens = pair.serverEvents.compactMap { event -> ReplyToken? in
      if case .forwardRequested(_, let reply) = event { reply } else { nil }
    }
    #expect(tokens.count == 2)
    pair.server.answer(tokens[1], success: true, port: 40_000)
    pair.server.answer(tokens[1], success: false)
    pair.run()
    #expect(!pair.clientEvents.contains { $0.name == "globalRequestAnswered" })
    pair.server.answer(tokens[0], success: true)
    pair.run()
    let answers = pair.clientEvents.compactMap { event -> (Bool, [UInt8])? in
      if case .globalRequestAnswered(_, let success, let data) = event { (success, data.bytes) } else { nil }
    }
    #expect(answers.map(\.0) == [true, false, true])
    #expect(answers.map(\.1) == [[], [], [0, 0, 0x9c, 0x40]])
  }

  @Test("who asks for forwards and cancels them without end is disconnected, whatever the answers")
  func forwardsWithoutEnd() {
    let pair = ConnectionPair(server: { $0.limits.forwardRequestBurst = 20 }).start()
    for _ in 0..<10 {
      _ = pair.client.requestForward(ForwardAddress(host: "a", port: 443))
      _ = pair.client.cancelForward(ForwardAddress(host: "a", port: 443))
      pair.run()
    }
    #expect(pair.serverError == nil && pair.serverEvents.count { $0.name == "forwardRequested" } == 10)
    pair.advance(by: .seconds(1))
    for _ in 0..<5 { _ = pair.client.cancelForward(ForwardAddress(host: "a", port: 443)) }
    pair.run()
    #expect(pair.serverError == nil)
    _ = pair.client.requestForward(ForwardAddress(host: "a", port: 443))
    pair.run()
    #expect(pair.serverError?.kind == .limit)
  }

  @Test("unknown requests fail, streamlocal-forward too; without a wish for an answer there is none")
  func unknown() {
    let pair = ConnectionPair().start()
    var path = ByteBuffer()
    path.writeSSHString("/tmp/socket")
    for name in ["made-up", "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com"] {
      _ = pair.client.sendGlobalRequest(name, wantsReply: true, data: path)
      _ = pair.client.sendGlobalRequest(name, wantsReply: false, data: path)
    }
    pair.run()
    #expect(pair.clientEvents.count { $0.name == "globalRequestAnswered" } == 3)
    #expect(pair.serverError == nil)
  }

  @Test("proofs by RSA keys are handed out as work, and other answers wait their turn", arguments: [true, false])
  func proofsAsWork(withRSA: Bool) throws {
    let pair = ConnectionPair(server: {
      $0.hostKeys = [Fixtures.ed25519, Fixtures.rsa]
      $0.keyExchangeOffload = .expensive
    })
    pair.start()
    var data = ByteBuffer()
    data.writeSSHString(SSHPublicKey((withRSA ? Fixtures.rsa : Fixtures.ed25519).publicKey).blob)
    _ = pair.client.sendGlobalRequest("hostkeys-prove-00@openssh.com", wantsReply: true, data: data)
    _ = pair.client.sendGlobalRequest("unknown@example.test", wantsReply: true)
    pair.run()
    func answers() -> [Bool] {
      pair.clientEvents.compactMap { event in
        if case .globalRequestAnswered(_, let success, _) = event { success } else { nil }
      }
    }
    #expect(answers() == (withRSA ? [] : [true, false]))
    for event in pair.serverEvents {
      if case .hostKeyProofWork(let work) = event { pair.server.completeHostKeyProofs(work, try work.run()) }
    }
    pair.run()
    #expect(answers() == [true, false])
  }

  @Test("a host that is no UTF-8 is told as one that no name can have")
  func strangeHost() {
    let pair = ConnectionPair().start()
    var data = ByteBuffer()
    data.writeSSHString([0xff, 0xfe] as [UInt8])
    data.writeInteger(UInt32(443))
    _ = pair.client.sendGlobalRequest("tcpip-forward", wantsReply: true, data: data)
    pair.run()
    guard case .forwardRequested(let address, _) = pair.serverEvents.last else {
      Issue.record("not told")
      return
    }
    #expect(address.host.hasSuffix("\u{FFFD}"))
    #expect(pair.clientEvents.contains { $0.name == "globalRequestAnswered" })
  }

  @Test("a forward address compares by bytes")
  func addresses() {
    #expect(ForwardAddress(host: "e\u{301}", port: 1) != ForwardAddress(host: "\u{e9}", port: 1))
    #expect(ForwardAddress(host: "A", port: 1) != ForwardAddress(host: "a", port: 1))
  }

  @Test("host keys are announced to OpenSSH once, and proved when asked")
  func hostKeys() throws {
    let pair = ConnectionPair(
      server: { $0.hostKeys = [Fixtures.ed25519, Fixtures.rsa, Fixtures.ed25519] },
      client: { $0.softwareVersion = "OpenSSH_9.2p1" })
    pair.start()
    var data = ByteBuffer()
    for key in [Fixtures.rsa, Fixtures.ed25519] { data.writeSSHString(SSHPublicKey(key.publicKey).blob) }
    _ = pair.client.sendGlobalRequest("hostkeys-prove-00@openssh.com", wantsReply: true, data: data)
    pair.run()
    let answer = pair.clientEvents.compactMap { event -> (Bool, ByteBuffer)? in
      if case .globalRequestAnswered(_, let success, let data) = event { (success, data) } else { nil }
    }.first
    let (success, proofs) = try #require(answer)
    #expect(success)
    var reader = MessageReader(proofs, "proofs")
    for (key, algorithm) in [(Fixtures.rsa, SSHSignatureAlgorithm.rsaSHA512), (Fixtures.ed25519, .ed25519)] {
      var signed = ByteBuffer()
      signed.writeSSHString("hostkeys-prove-00@openssh.com")
      signed.writeSSHString(pair.client.transport.sessionID)
      signed.writeSSHString(SSHPublicKey(key.publicKey).blob)
      let proof = try reader.bytes("proof", limit: 4096)
      #expect(SSHPublicKey(key.publicKey).verify(signatureBlob: proof, over: signed.bytes, algorithm: algorithm))
    }
    var foreign = ByteBuffer()
    foreign.writeSSHString(SSHPublicKey(Fixtures.p384.publicKey).blob)
    pair.clientEvents.removeAll()
    _ = pair.client.sendGlobalRequest("hostkeys-prove-00@openssh.com", wantsReply: true, data: foreign)
    pair.run()
    guard case .globalRequestAnswered(_, false, _) = pair.clientEvents.first else {
      Issue.record("a foreign key was proved")
      return
    }
    // Signatures are dear and clients ask once: a third question is not answered with any.
    pair.clientEvents.removeAll()
    _ = pair.client.sendGlobalRequest("hostkeys-prove-00@openssh.com", wantsReply: true, data: data)
    pair.run()
    guard case .globalRequestAnswered(_, false, _) = pair.clientEvents.first else {
      Issue.record("proved without end")
      return
    }
    #expect(pair.isSignedIn)
  }

  @Test("a command that is no UTF-8 ends no connection")
  func commandsAreBytes() throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    var payload = ByteBuffer()
    payload.writeInteger(MessageNumber.channelRequest)
    payload.writeInteger(UInt32(0))
    payload.writeSSHString("exec")
    payload.writeSSHBoolean(true)
    payload.writeSSHString([0x6c, 0x73, 0x20, 0xff])
    pair.inject(payload.bytes)
    pair.run()
    #expect(pair.serverError == nil)
    #expect(
      pair.serverEvents.contains {
        if case .channelRequest(_, .exec("ls \u{fffd}"), _) = $0 { true } else { false }
      })
    #expect(pair.clientChannels == 1, "\(id)")
  }

  @Test("channel requests keep their order; unknown ones with a wish for an answer fail")
  func channelOrder() throws {
    let pair = ConnectionPair().start()
    pair.automatic = false
    let id = try #require(pair.openByClient(.session))
    pair.run()
    pair.server.acceptChannel(ChannelID(number: 0, generation: 1))
    pair.run()
    pair.client.sendChannelRequest(.exec("x"), on: id, wantsReply: true)
    pair.client.sendChannelRequest(
      .other(type: "winadj@putty.projects.tartarus.org", data: []), on: id, wantsReply: true)
    pair.run()
    #expect(!pair.clientEvents.contains { $0.name == "channelRequestAnswered" })
    guard case .channelRequest(let channel, .exec("x"), let token?) = pair.serverEvents.last else {
      Issue.record("no exec")
      return
    }
    #expect(channel.number == 0)
    pair.server.answer(token, success: true)
    pair.run()
    let answers = pair.clientEvents.compactMap { event -> Bool? in
      if case .channelRequestAnswered(_, let success) = event { success } else { nil }
    }
    #expect(answers == [true, false])
  }

  @Test("keepalives ask only silence, any packet is life, three misses are the end")
  func keepalive() {
    let pair = ConnectionPair().start()
    pair.advance(by: .seconds(16))
    #expect(pair.serverRoundTrip != nil)
    #expect(pair.serverError == nil)
    var sent = 0
    for _ in 0..<4 {
      pair.time.advance(by: .seconds(15))
      do {
        try pair.server.timePassed()
        sent += 1
      } catch {
        #expect(error.reason == .connectionLost)
      }
    }
    #expect(sent == 3)
  }
}
