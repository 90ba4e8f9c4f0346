import EdgeCrypto
import NIOCore
import TestSupport
import Testing

@testable import SSHProtocol

/// Nothing a peer sends may reach a trap: a crash takes every tunnel down.
@Suite("garbage")
struct GarbageTests {
  @Test("random bytes in every phase end in an error or in waiting, never in a crash", arguments: 0..<40)
  func randomBytes(seed: Int) {
    var generator = SeededGenerator(UInt64(seed) &* 1_000_003)
    func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255, using: &generator) } }
    var raw = SSHConnection(SSHConfiguration(role: .server))
    raw.start()
    try? raw.receive(ByteBuffer(bytes: random(.random(in: 1...400, using: &generator))))
    var peer = RawPeer()
    for _ in 0..<30 where peer.error == nil {
      peer.feed(ByteBuffer(bytes: random(.random(in: 1...400, using: &generator))))
    }
    var client = SSHConnection(SSHConfiguration(role: .client))
    client.start()
    try? client.receive(ByteBuffer(string: "SSH-2.0-x\r\n"))
    for _ in 0..<5 { try? client.receive(ByteBuffer(bytes: random(200))) }
  }

  @Test("random payloads of every number, before and after sign-in", arguments: 0..<60)
  func randomPayloads(seed: Int) throws {
    var generator = SeededGenerator(UInt64(seed) &* 7919)
    for stage in 0..<3 {
      let pair = ConnectionPair()
      pair.automatic = stage == 2
      pair.start()
      if stage == 1 {
        pair.client.requestService()
        pair.run()
      }
      if stage == 2 {
        _ = pair.client.openChannel(.session)
        _ = pair.server.openChannel(
          .forwardedTCPIP(connectedHost: "a", connectedPort: 1, originatorHost: "127.0.0.1", originatorPort: 2))
        pair.run()
      }
      for _ in 0..<20 where pair.serverError == nil {
        let number =
          stage == 2 ? UInt8.random(in: 80...100, using: &generator) : .random(in: 0...255, using: &generator)
        var payload = ByteBuffer()
        payload.writeInteger(number)
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
          switch Int.random(in: 0..<5, using: &generator) {
          case 0: payload.writeInteger(UInt32.random(in: 0...2, using: &generator))
          case 1: payload.writeInteger(UInt32.random(in: 0 ... .max, using: &generator))
          case 2:
            payload.writeSSHString(
              ["session", "pty-req", "ssh-userauth", "none", "publickey"].randomElement(using: &generator) ?? "")
          case 3: payload.writeInteger(UInt8.random(in: 0...255, using: &generator))
          default:
            payload.writeSSHString(
              (0..<Int.random(in: 0...50, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
          }
        }
        pair.inject(payload.bytes)
        pair.run()
      }
    }
  }

  @Test("valid exchanges with one changed byte", arguments: 0..<40)
  func mutations(seed: Int) {
    var generator = SeededGenerator(UInt64(seed) &* 104_729)
    let pair = ConnectionPair()
    pair.server.start()
    pair.client.start()
    for round in 0..<12 {
      for bytes in pair.takeServer() { pair.feedClient(bytes) }
      for var bytes in pair.takeClient() {
        if round == seed % 6, bytes.readableBytes > 0 {
          let index = bytes.readerIndex + .random(in: 0..<bytes.readableBytes, using: &generator)
          bytes.setInteger(UInt8.random(in: 0...255, using: &generator), at: index)
        }
        pair.feedServer(bytes)
      }
    }
    #expect(pair.serverError == nil || pair.serverError?.text.isEmpty == false)
  }

  @Test("messages that are cut off anywhere are errors, not crashes")
  func truncations() throws {
    var whole: [ByteBuffer] = []
    var open = ByteBuffer()
    ChannelOpenMessage.write(
      .directTCPIP(host: "h", port: 1, originatorHost: "o", originatorPort: 2), sender: 1, window: 2, maximumPacket: 3,
      into: &open)
    whole.append(open)
    var pty = ByteBuffer()
    ChannelRequest.pty(PTYRequest(terminal: "xterm", size: TerminalSize(columns: 1, rows: 1))).write(
      recipient: 0, wantsReply: true, into: &pty)
    whole.append(pty)
    whole.append(ByteBuffer(bytes: [94, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]))
    whole.append(ByteBuffer(bytes: [95, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9]))
    for message in whole {
      for count in 1..<message.readableBytes {
        let pair = ConnectionPair().start()
        _ = pair.client.openChannel(.session)
        pair.run()
        pair.inject(Array(message.bytes.prefix(count)))
        pair.run()
        // From "want reply" on a channel request that does not parse is answered with FAILURE, and ends nothing.
        let fails = message.bytes[0] == MessageNumber.channelRequest && count >= 17
        #expect((pair.serverError == nil) == fails, "\(message.bytes[0]) cut to \(count)")
      }
    }
  }
}
