import EdgeCrypto
import NIOCore
import TestSupport
import Testing

@testable import SSHProtocol

@Suite("server and client against each other")
struct ExchangeMatrixTests {
  private func signIn(
    kex: KeyExchangeMethod = .curve25519, cipher: CipherAlgorithm = .aes128GCM, mac: MACAlgorithm? = nil,
    hostKey: PrivateKey = Fixtures.ed25519, chunk: (() -> Int)? = nil
  ) -> ConnectionPair {
    let pair = ConnectionPair(
      server: {
        $0.hostKeys = [hostKey]
        $0.algorithms.keyExchange = KeyExchangeMethod.allCases
      },
      client: {
        $0.algorithms.keyExchange = [kex]
        $0.algorithms.ciphers = [cipher]
        if let mac { $0.algorithms.macs = [mac] }
      })
    pair.chunk = chunk
    return pair.start()
  }

  private func echo(_ pair: ConnectionPair, count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    guard let id = pair.client.openChannel(.session) else {
      Issue.record("no channel: \(String(describing: pair.serverError)) \(String(describing: pair.clientError))")
      return
    }
    pair.run()
    pair.client.write(ByteBuffer(bytes: bytes), to: id)
    pair.run()
    #expect(pair.serverReceived == bytes)
    let there = ChannelID(number: 0, generation: 1)
    pair.server.write(ByteBuffer(bytes: bytes), to: there)
    pair.run()
    #expect(pair.clientReceived == bytes)
    #expect(pair.serverError == nil)
    #expect(pair.clientError == nil)
  }

  @Test("every key exchange method with every host key type", arguments: KeyExchangeMethod.allCases)
  func exchanges(method: KeyExchangeMethod) {
    for hostKey in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let pair = signIn(kex: method, hostKey: hostKey)
      #expect(pair.isSignedIn)
      guard case .keysEstablished(let summary) = pair.serverEvents.first else {
        Issue.record("no keys: \(String(describing: pair.serverError)) \(String(describing: pair.clientError))")
        continue
      }
      #expect(summary.algorithms.keyExchange == method)
      #expect(summary.isStrict)
      echo(pair, count: 100)
    }
  }

  @Test("every cipher carries data larger than a window both ways", arguments: CipherAlgorithm.allCases)
  func ciphers(cipher: CipherAlgorithm) {
    let macs: [MACAlgorithm?] = cipher.isAuthenticated ? [nil] : MACAlgorithm.allCases
    for mac in macs {
      let pair = signIn(cipher: cipher, mac: mac)
      #expect(pair.isSignedIn)
      echo(pair, count: 700_000)
    }
  }

  @Test("bytes may come one by one", arguments: CipherAlgorithm.allCases)
  func byteByByte(cipher: CipherAlgorithm) {
    let pair = signIn(cipher: cipher, chunk: { 1 })
    #expect(pair.isSignedIn)
    echo(pair, count: 3000)
  }

  @Test("bytes may come in any pieces", arguments: 0..<8)
  func randomChunks(seed: Int) {
    var generator = SeededGenerator(UInt64(seed))
    let cipher = CipherAlgorithm.allCases[seed % CipherAlgorithm.allCases.count]
    let pair = signIn(
      kex: .mlkem768X25519, cipher: cipher,
      chunk: {
        Bool.random(using: &generator)
          ? .random(in: 1...40, using: &generator) : .random(in: 1...70_000, using: &generator)
      })
    #expect(pair.isSignedIn)
    echo(pair, count: 300_000)
  }

  @Test("expensive exchanges come out as work when asked for")
  func offload() throws {
    let pair = ConnectionPair(
      server: {
        $0.hostKeys = [Fixtures.rsa]
        $0.keyExchangeOffload = .expensive
      })
    pair.start()
    let works = pair.serverEvents.compactMap { event -> KeyExchangeWork? in
      if case .keyExchangeWork(let work) = event { work } else { nil }
    }
    let work = try #require(works.first)
    pair.server.completeKeyExchange(work, try work.run())
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("nothing in common ends with a text that names both lists")
  func nothingInCommon() {
    let pair = ConnectionPair(
      server: { $0.algorithms.ciphers = [.chachaPoly] }, client: { $0.algorithms.ciphers = [.aes256CTR] }
    ).start()
    #expect(pair.serverError?.kind == .negotiation)
    #expect(pair.serverError?.reason == .keyExchangeFailed)
    #expect(pair.serverError?.text.contains("aes256-ctr") == true)
    #expect(pair.serverError?.text.contains("chacha20-poly1305@openssh.com") == true)
  }

  @Test("the client refuses a signature by another key than the one shown")
  func wrongHostKeySignature() {
    let pair = ConnectionPair()
    pair.server.start()
    pair.client.start()
    for _ in 0..<2 {
      for bytes in pair.takeServer() { pair.feedClient(bytes) }
      for bytes in pair.takeClient() { pair.feedServer(bytes) }
    }
    var all = ByteBuffer()
    for var bytes in pair.takeServer() { all.writeBuffer(&bytes) }
    // The last bytes before NEWKEYS and EXT_INFO belong to the signature; flip one in the middle of the reply.
    let index = all.bytes.ranges(of: Array("ssh-ed25519".utf8)).last.map { $0.upperBound + 10 } ?? 0
    all.setInteger((all.getInteger(at: index, as: UInt8.self) ?? 0) ^ 1, at: index)
    pair.feedClient(all)
    #expect(pair.clientError?.kind == .keyExchange)
  }
}
