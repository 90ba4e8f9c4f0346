import EdgeCrypto
import Testing

@Suite struct TLSEngineTests {
  private let fixture: TLSFixture

  init() throws { fixture = try TLSFixture.made.get() }

  @Test(arguments: [1, 2, 5, 100, Int.max], [0, 1, 37, 4096])
  func handshakeAndDataSurviveAnySlicing(pieces: Int, outputRoom: Int) throws {
    let pair = try TLSPair(
      fixture.client(), fixture.server(), name: "first.test", outputRoom: outputRoom, plaintextRoom: 50)
    pair.run(pieces: pieces)
    #expect(pair.client.engine.isHandshakeComplete)
    #expect(pair.server.engine.isHandshakeComplete)
    let question = SecureRandom.bytes(3000)
    let answer = SecureRandom.bytes(40_000)
    pair.client.send(question)
    pair.server.send(answer)
    pair.run(pieces: pieces)
    #expect(pair.server.received == question)
    #expect(pair.client.received == answer)
    pair.client.close()
    pair.run(pieces: pieces)
    #expect(pair.server.status == .closedByPeer)
    #expect(pair.server.engine.receiveEOF() == nil)
    #expect(pair.client.engine.receiveEOF()?.kind == .truncated)
  }

  @Test func propertiesAreKnownAfterTheHandshake() throws {
    let pair = try TLSPair(
      fixture.client(alpn: ["h2", "http/1.1"]), fixture.server(alpn: ["http/1.1", "h2"]), name: "A.Tunnels.test")
    #expect(pair.server.engine.version == nil)
    #expect(pair.server.engine.cipher.isEmpty)
    pair.run()
    for engine in [pair.client.engine, pair.server.engine] {
      #expect(engine.alpn == "http/1.1")
      #expect(engine.version == .v1_3)
      #expect(engine.cipher == "TLS_AES_128_GCM_SHA256")
      #expect(engine.serverName == "a.tunnels.test")
      #expect(!engine.isResumed)
      #expect(engine.failure == nil)
    }
    #expect(pair.client.engine.peerCertificate == fixture.exact.leaf)
    #expect(pair.server.engine.peerCertificate == nil)
  }

  @Test(arguments: [
    ("first.test", 0), ("a.tunnels.test", 1), ("A.TUNNELS.test", 1), ("b.tunnels.test", 2), ("x.b.tunnels.test", 0),
    ("tunnels.test", 0), ("other.example", 0), ("127.0.0.1", 0),
  ])
  func theCertificateFollowsTheServerName(name: String, index: Int) throws {
    let pair = try TLSPair(fixture.client(verification: .chainOnly), fixture.server(), name: name)
    pair.run()
    #expect(pair.client.engine.isHandshakeComplete)
    #expect(pair.client.engine.peerCertificate == [fixture.first, fixture.exact, fixture.wildcard][index].leaf)
    #expect(try fixture.server().identity(for: name).leaf == pair.client.engine.peerCertificate)
  }

  @Test func namesAndRootsAreChecked() throws {
    for (name, works) in [
      ("first.test", true), ("127.0.0.1", true), ("b.tunnels.test", true), ("other.test", false), ("127.0.0.2", false),
      ("x.b.tunnels.test", false),
    ] {
      let pair = try TLSPair(fixture.client(), fixture.server(), name: name)
      pair.run()
      #expect(pair.client.engine.isHandshakeComplete == works, "\(name)")
      if !works {
        #expect(pair.client.engine.failure?.kind == .certificate, "\(name)")
        #expect(pair.client.engine.failure?.reason.contains("mismatch") == true)
        #expect(pair.server.engine.failure?.kind == .alertFromPeer)
      }
    }
    let stranger = try TLSClientContext(
      trust: .pem(CertificateAuthority.make(commonName: "Other", now: TLSFixture.now).certificatePEM))
    let pair = try TLSPair(stranger, fixture.server(), name: "first.test")
    pair.run()
    #expect(pair.client.engine.failure?.kind == .certificate)
    let careless = try TLSPair(
      TLSClientContext(verification: .none), fixture.server(), name: "whatever.test")
    careless.run()
    #expect(careless.client.engine.isHandshakeComplete)
  }

  @Test func noCommonProtocolEndsTheHandshake() throws {
    let pair = try TLSPair(fixture.client(alpn: ["ssh"]), fixture.server(alpn: ["h2"]), name: "first.test")
    pair.run()
    #expect(!pair.server.engine.isHandshakeComplete)
    #expect(pair.server.engine.failure != nil)
    #expect(pair.client.engine.failure?.kind == .alertFromPeer)
    // A client that names none is served.
    let silent = try TLSPair(fixture.client(), fixture.server(alpn: ["h2"]), name: "first.test")
    silent.run()
    #expect(silent.server.engine.isHandshakeComplete)
    #expect(silent.server.engine.alpn == nil)
  }

  @Test func whatIsSentBeforeTheHandshakeIsSealedAfterIt() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.client.send(Array("early ".utf8), endOfFlush: false)
    pair.client.send(Array("words".utf8))
    pair.run()
    #expect(pair.server.received == Array("early words".utf8))
  }

  @Test func smallWritesShareARecord() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.run()
    // The ticket goes ahead of the very first data.
    pair.server.send([255])
    pair.run()
    #expect(pair.client.received == [255])
    pair.client.received = []
    for index in 0..<10 {
      pair.server.send([UInt8(index)], endOfFlush: false)
      #expect(pair.server.outbound.isEmpty)
    }
    pair.server.send([])
    let wire = pair.server.outbound
    // One record: header 5, ten bytes, content type 1, tag 16.
    #expect(wire.count == 5 + 10 + 1 + 16)
    pair.run()
    #expect(pair.client.received == Array(0..<10))
    // A long write fills records; the rest waits for the end of the flush.
    let long = SecureRandom.bytes(16_384 * 2 + 5)
    pair.server.send(long, endOfFlush: false)
    #expect(pair.server.outbound.count == 2 * (16_384 + 22))
    #expect(pair.server.engine.outputNeeded(forSending: 0) >= 5 + 22)
    pair.server.send([])
    pair.run()
    #expect(Array(pair.client.received.dropFirst(10)) == long)
  }

  @Test func outputNeededIsEnough() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.run()
    for count in [0, 1, 1000, 16_383, 16_384, 16_385, 100_000] {
      var output = [UInt8](repeating: 0, count: pair.server.engine.outputNeeded(forSending: count))
      let bytes = SecureRandom.bytes(count)
      let produced = bytes.withUnsafeBytes { bytes in
        output.withUnsafeMutableBytes { pair.server.engine.send(bytes, endOfFlush: true, output: $0) }
      }
      #expect(pair.server.engine.pendingOutput == 0)
      pair.client.received = []
      pair.client.receive(Array(output.prefix(produced)))
      #expect(pair.client.received == bytes)
    }
  }

  @Test func anEndWithoutCloseNotifyIsATruncation() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    #expect(pair.server.engine.receiveEOF() == nil)
    pair.run()
    pair.client.send([1])
    pair.run()
    #expect(pair.server.engine.receiveEOF()?.kind == .truncated)
    #expect(pair.server.engine.failure?.kind == .truncated)
    // In the middle of the handshake, too.
    let half = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    half.server.receive(Array(half.client.takeOutbound().prefix(50)))
    #expect(half.server.engine.receiveEOF()?.kind == .truncated)
  }

  @Test func closingSealsWhatWasHeldBack() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.run()
    pair.server.send(Array("goodbye".utf8), endOfFlush: false)
    pair.server.close()
    pair.server.send([1, 2, 3])
    pair.server.close()
    pair.run()
    #expect(pair.client.received == Array("goodbye".utf8))
    #expect(pair.client.status == .closedByPeer)
    // The other direction goes on.
    pair.client.send([9])
    pair.run()
    #expect(pair.server.received == [9])
  }

  @Test func plainHTTPIsRecognised() throws {
    let server = TLSSide(try TLSEngine(fixture.server()))
    server.receive(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    guard case .failed(let error) = server.status else {
      Issue.record("plain HTTP was not refused")
      return
    }
    #expect(error.kind == .plaintextHTTP)
    // It stays dead.
    server.receive([1, 2, 3])
    #expect(server.status == .failed(error))
    #expect(server.engine.receiveEOF() == error)
  }

  @Test func garbageIsAnError() throws {
    for _ in 0..<200 {
      let server = TLSSide(try TLSEngine(fixture.server()))
      server.receive(SecureRandom.bytes(300))
      server.receive(SecureRandom.bytes(20_000))
      guard case .failed = server.status else {
        Issue.record("garbage was taken: \(server.status)")
        return
      }
    }
  }

  @Test func aDamagedByteNeverGoesUnnoticed() throws {
    let serverContext = try fixture.server(alpn: ["h2"])
    let clientContext = try fixture.client(alpn: ["h2"])
    let length = try TLSPair(clientContext, serverContext, name: "first.test").client.outbound.count
    // RFC 8446 section 5.1: the minor version of the first record (index 2) must be ignored.
    for index in 0..<length where index != 2 {
      let pair = try TLSPair(clientContext, serverContext, name: "first.test")
      pair.client.outbound[index] ^= 0x41
      pair.run()
      #expect(!(pair.client.engine.isHandshakeComplete && pair.server.engine.isHandshakeComplete))
    }
    // And a damaged record after the handshake.
    let pair = try TLSPair(clientContext, serverContext, name: "first.test")
    pair.run()
    pair.client.send([1, 2, 3])
    let last = pair.client.outbound.count - 1
    pair.client.outbound[last] ^= 1
    pair.run()
    #expect(pair.server.engine.failure?.kind == .record)
    #expect(pair.server.received.isEmpty)
    #expect(pair.client.engine.failure?.kind == .alertFromPeer)
  }

  @Test func spansAndPointersDoTheSame() throws {
    let pair = try TLSPair(fixture.client(), fixture.server(), name: "first.test")
    pair.run()
    let wire = [UInt8](capacity: 200) { output in
      let message: [UInt8] = [1, 2, 3]
      pair.client.engine.send(message.span.bytes, endOfFlush: true, output: &output)
    }
    var plaintext: [UInt8] = []
    let records = [UInt8](capacity: 200) { output in
      plaintext = [UInt8](capacity: 50) { plain in
        let progress = pair.server.engine.receive(wire.span.bytes, output: &output, plaintext: &plain)
        #expect(progress.consumed == wire.count)
        #expect(progress.plaintext == 3)
      }
    }
    #expect(plaintext == [1, 2, 3])
    #expect(records.isEmpty)
  }
}

extension [UInt8] {
  fileprivate init(capacity: Int, _ body: (inout OutputRawSpan) -> Void) {
    self = []
    let region = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
    defer { region.deallocate() }
    var span = OutputRawSpan(buffer: region, initializedCount: 0)
    body(&span)
    let count = span.finalize(for: region)
    self = Array(region.prefix(count))
  }
}
