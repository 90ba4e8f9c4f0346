import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// What arrives does not depend on how the network cuts it, nor on where a rekey falls (ssh.md 7.4, layer 3).
@Suite("cutting and rekeying anywhere")
struct SplittingTests {
  /// A cipher of each kind.
  private static let ciphers: [(CipherAlgorithm, MACAlgorithm)] = [
    (.aes128GCM, .hmacSHA256), (.chachaPoly, .hmacSHA256), (.aes128CTR, .hmacSHA256ETM), (.aes256CTR, .hmacSHA512),
  ]

  private func pair(_ kind: Int, chunk: Int?) -> ConnectionPair {
    let (cipher, mac) = Self.ciphers[kind]
    let pair = ConnectionPair(
      server: { $0.algorithms.keyExchange = [.curve25519] },
      client: {
        $0.algorithms = AlgorithmPreferences(
          keyExchange: [.curve25519], ciphers: [cipher], macs: [mac], hostKeys: [.ed25519])
      })
    if let chunk { pair.chunk = { chunk } }
    return pair.start()
  }

  /// Packets of many sizes, both ways, numbered by their order.
  private func talk(_ pair: ConnectionPair, packets: Int, before: (Int) -> Void) -> (sent: [UInt8], id: ChannelID?) {
    guard let id = pair.openByClient(.session) else { return ([], nil) }
    pair.run()
    let there = ChannelID(number: 0, generation: 1)
    var sent: [UInt8] = []
    for index in 0..<packets {
      before(index)
      let piece = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 1 + index * 7 % 60)
      sent += piece
      pair.client.write(ByteBuffer(bytes: piece), to: id)
      pair.server.write(ByteBuffer(bytes: piece), to: there)
      // Half of the time the packets of two rounds travel together.
      if index % 2 == 0 { pair.run() }
    }
    pair.run()
    return (sent, id)
  }

  @Test("pieces of one byte, odd sizes and whole reads carry the same", arguments: 0..<4)
  func pieces(kind: Int) {
    for chunk in [1, 2, 3, 7, 16, 17, 61, 1460, nil] as [Int?] {
      let pair = pair(kind, chunk: chunk)
      let (sent, _) = talk(pair, packets: 40) { if $0 == 20 { pair.client.startRekey() } }
      #expect(pair.serverError == nil && pair.clientError == nil)
      #expect(pair.serverReceived == sent, "in pieces of \(chunk ?? 0)")
      #expect(pair.clientReceived == sent, "in pieces of \(chunk ?? 0)")
      #expect(pair.serverEvents.count { $0.name == "rekeyed" } == 1)
    }
  }

  @Test("a rekey before each packet from 0 to 200, begun by either side or both", arguments: 0..<4)
  func rekeyAnywhere(kind: Int) {
    for offset in 0..<4 {
      let pair = pair(kind, chunk: [nil, 1460, 23, 5][offset])
      var begun = 0
      let (sent, _) = talk(pair, packets: 201) { index in
        guard index % 4 == offset else { return }
        switch begun % 3 {
        case 0: pair.client.startRekey()
        case 1: pair.server.startRekey()
        default:
          pair.client.startRekey()
          pair.server.startRekey()
        }
        begun += 1
      }
      #expect(pair.serverError == nil && pair.clientError == nil)
      #expect(pair.serverReceived == sent)
      #expect(pair.clientReceived == sent)
      // Of those begun while one was under way some are one.
      let done = pair.serverEvents.count { $0.name == "rekeyed" }
      #expect(done > begun / 2 && done <= begun)
    }
  }
}
