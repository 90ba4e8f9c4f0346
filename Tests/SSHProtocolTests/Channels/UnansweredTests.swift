import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("peers that do not answer, or say too much")
struct UnansweredTests {
  private let there = ChannelID(number: 0, generation: 1)
  private let forward = ChannelOpen.forwardedTCPIP(
    connectedHost: "a", connectedPort: 1, originatorHost: "127.0.0.1", originatorPort: 2)

  @Test("a CLOSE that is not answered keeps its place for 30 seconds, its number until the answer")
  func unansweredClose() throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByServer(forward))
    pair.run()
    pair.server.closeChannel(id, .now)
    let held = pair.takeServer()
    #expect(pair.placesOfServer == 1)
    #expect(pair.announcedByServer == 0)
    pair.serverEvents.removeAll()
    pair.advanceServer(by: .seconds(29))
    #expect(pair.serverEvents.isEmpty)
    pair.advanceServer(by: .seconds(2))
    #expect(pair.serverEvents.map(\.name) == ["channelClosed"])
    #expect(pair.placesOfServer == 0)
    #expect(pair.serverChannels == 1)
    let next = try #require(pair.openByServer(forward))
    #expect(next.number == 1)
    for bytes in held { pair.feedClient(bytes) }
    pair.run()
    // Nobody is told twice, and the number serves again.
    #expect(pair.serverEvents.count { $0.name == "channelClosed" } == 1)
    let again = try #require(pair.openByServer(forward))
    #expect(again.number == 0)
    pair.run()
    #expect(pair.serverError == nil && pair.clientError == nil)
  }

  @Test("what waits to go before a CLOSE has 30 seconds; then the CLOSE goes without it")
  func closeBehindDataThatIsNotTaken() throws {
    let pair = ConnectionPair(client: { $0.channels.initialWindow = 1000 }).start()
    pair.consumes = false
    let id = try #require(pair.openByServer(forward))
    pair.run()
    pair.server.write(ByteBuffer(repeating: 1, count: 50_000), to: id)
    pair.server.closeChannel(id, .afterQueued)
    pair.run()
    #expect(pair.clientChannels == 1 && pair.placesOfServer == 1)
    pair.advanceServer(by: .seconds(31))
    pair.run()
    #expect(pair.clientCount == 1000)
    #expect(pair.serverChannels == 0 && pair.clientChannels == 0 && pair.placesOfServer == 0)
    #expect(pair.queuedCosts == [0, 0])
    #expect(pair.serverError == nil && pair.clientError == nil)
  }

  @Test("an OPEN that nobody answers: given up, its number kept, closed when the answer comes at last")
  func unansweredOpen() throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByServer(forward))
    pair.server.closeChannel(id, .now)
    let held = pair.takeServer()
    pair.advanceServer(by: .seconds(31))
    #expect(pair.placesOfServer == 0 && pair.serverChannels == 1)
    for bytes in held { pair.feedClient(bytes) }
    pair.run()
    #expect(pair.serverChannels == 0 && pair.clientChannels == 0)
    #expect(pair.serverEvents.count { $0.name == "channelClosed" } == 1)
    #expect(pair.serverError == nil && pair.clientError == nil)
  }

  @Test("too many channels whose end is never confirmed are the end of the connection")
  func tombstones() throws {
    let pair = ConnectionPair(server: {
      $0.limits.tombstones = 10
      $0.keepalive = nil
    }).start()
    for _ in 0..<11 {
      let id = try #require(pair.openByServer(forward))
      pair.server.closeChannel(id, .now)
    }
    _ = pair.takeServer()
    pair.advanceServer(by: .seconds(31))
    #expect(pair.serverError?.kind == .limit)
  }

  @Test("floods of opens that are refused leave nothing, and come to an end")
  func refusedOpens() {
    let pair = ConnectionPair().start()
    var open = ByteBuffer()
    open.writeInteger(MessageNumber.channelOpen)
    open.writeSSHString("made-up")
    for _ in 0..<3 { open.writeInteger(UInt32(1)) }
    for _ in 0..<5000 {
      pair.time.advance(by: .milliseconds(5))
      pair.inject(open.bytes)
    }
    for bytes in pair.takeClient() { pair.feedServer(bytes) }
    // All came within the rate as the clock stood when they were read: too fast.
    #expect(pair.serverError?.kind == .limit)
    #expect(pair.serverChannels == 0)

    let slow = ConnectionPair().start()
    for _ in 0..<5000 {
      slow.time.advance(by: .milliseconds(5))
      slow.inject(open.bytes)
      for bytes in slow.takeClient() { slow.feedServer(bytes) }
    }
    #expect(slow.serverError == nil)
    #expect(slow.serverChannels == 0 && slow.announcedByServer == 0)
  }

  @Test("eow drops what a closed window holds, at once, and ends that direction only")
  func endOfWrite() throws {
    let pair = ConnectionPair(client: { $0.channels.initialWindow = 1000 }).start()
    pair.consumes = false
    let id = try #require(pair.openByClient(.session))
    pair.run()
    pair.server.write(ByteBuffer(repeating: 1, count: 100_000), to: there)
    pair.run()
    #expect(pair.clientCount == 1000)
    #expect(!pair.serverIsWritable(there))
    pair.serverEvents.removeAll()
    pair.client.sendChannelRequest(.endOfWrite, on: id)
    pair.run()
    #expect(pair.clientEvents.contains { $0.name == "channelEOF" })
    // Whoever waits for room is let go; what they write goes nowhere.
    #expect(pair.serverEvents.contains { $0.name == "channelWritable" })
    #expect(pair.serverIsWritable(there))
    pair.server.write(ByteBuffer(string: "nobody"), to: there)
    pair.client.write(ByteBuffer(string: "still reading?"), to: id)
    pair.server.sendChannelRequest(.exitStatus(0), on: there)
    pair.run()
    #expect(pair.clientCount == 1000)
    #expect(String(decoding: pair.serverReceived, as: UTF8.self) == "still reading?")
    #expect(pair.clientEvents.contains { $0.name == "channelRequest" })
    pair.server.closeChannel(there)
    pair.run()
    #expect(pair.serverChannels == 0 && pair.clientChannels == 0 && pair.serverError == nil)
  }

  @Test("requests that do not parse fail, and end no connection", arguments: [true, false])
  func unparsable(wantsReply: Bool) throws {
    let pair = ConnectionPair().start()
    _ = try #require(pair.openByClient(.session))
    pair.run()
    pair.clientEvents.removeAll()
    let types = [
      "exit-status", "exit-signal", "pty-req", "window-change", "env", "signal", "exec", "subsystem", "shell",
    ]
    for type in types {
      for data in [[0], [0, 0, 0], [0, 0, 0, 9, 1], [255, 255, 255, 255]] as [[UInt8]] {
        var payload = ByteBuffer()
        payload.writeInteger(MessageNumber.channelRequest)
        payload.writeInteger(UInt32(0))
        payload.writeSSHString(type)
        payload.writeSSHBoolean(wantsReply)
        payload.writeBytes(data)
        pair.inject(payload.bytes)
      }
    }
    pair.run()
    #expect(pair.serverError == nil)
    #expect(!pair.serverEvents.contains { $0.name == "channelRequest" })
  }

  @Test(
    "requests and answers for a channel that is over are dropped, until they are too many", arguments: [98, 99, 100])
  func tooLate(number: UInt8) throws {
    let pair = ConnectionPair().start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    pair.client.closeChannel(id)
    pair.run()
    #expect(pair.serverChannels == 0)
    var payload = ByteBuffer()
    payload.writeInteger(number)
    payload.writeInteger(UInt32(0))
    if number == 98 {
      payload.writeSSHString("exit-status")
      payload.writeSSHBoolean(true)
      payload.writeInteger(UInt32(1))
    }
    for _ in 0..<50 { pair.inject(payload.bytes) }
    pair.run()
    #expect(pair.serverError == nil)
    for _ in 0..<1000 { pair.inject(payload.bytes) }
    pair.run()
    #expect(pair.serverError?.kind == .limit)
  }
}
