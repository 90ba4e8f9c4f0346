import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("channels")
struct ChannelTests {
  private let there = ChannelID(number: 0, generation: 1)

  @Test("a forwarded connection is opened by the server with the bytes of the request")
  func forwarded() throws {
    let pair = ConnectionPair().start()
    _ = pair.client.requestForward(ForwardAddress(host: "App.Example.com.", port: 443))
    pair.run()
    guard case .forwardRequested(let address, _) = pair.serverEvents.last else {
      Issue.record("no request")
      return
    }
    #expect(address == ForwardAddress(host: "App.Example.com.", port: 443))
    let open = ChannelOpen.forwardedTCPIP(
      connectedHost: address.host, connectedPort: 443, originatorHost: "192.0.2.1", originatorPort: 5)
    let id = try #require(pair.openByServer(open))
    pair.server.write(ByteBuffer(string: "early"), to: id)
    pair.run()
    guard
      case .channelOpenRequested(_, let seen) = pair.clientEvents.first(where: { $0.name == "channelOpenRequested" })
    else {
      Issue.record("no open")
      return
    }
    #expect(seen == open)
    #expect(pair.serverEvents.contains { $0.name == "channelOpened" })
    #expect(String(decoding: pair.clientReceived, as: UTF8.self) == "early")
  }

  @Test("types that are not served are refused with the right reason and leave nothing behind")
  func refusals() throws {
    let pair = ConnectionPair().start()
    func open(_ type: String) -> UInt32? {
      var payload = ByteBuffer()
      payload.writeInteger(MessageNumber.channelOpen)
      payload.writeSSHString(type)
      payload.writeInteger(UInt32(0))
      payload.writeInteger(UInt32(1000))
      payload.writeInteger(UInt32(1000))
      pair.inject(payload.bytes)
      for bytes in pair.takeClient() { pair.feedServer(bytes) }
      return pair.serverError == nil ? 0 : nil
    }
    for type in ["x11", "auth-agent@openssh.com", "direct-streamlocal@openssh.com", "made-up"] {
      #expect(open(type) != nil)
    }
    #expect(pair.serverChannels == 0)
    for _ in 0..<300 { _ = open("made-up") }
    #expect(pair.serverChannels == 0)
    pair.serverEvents.removeAll()
    _ = pair.client.openChannel(
      .directTCPIP(host: "localhost", port: 22, originatorHost: "127.0.0.1", originatorPort: 65535))
    let stray = ConnectionPair().start()
    _ = stray.client.openChannel(
      .directTCPIP(host: "localhost", port: 22, originatorHost: "127.0.0.1", originatorPort: 65535))
    stray.run()
    guard case .channelOpenFailed(_, let reason, _) = stray.clientEvents.last else {
      Issue.record("not refused")
      return
    }
    #expect(reason == 1)
    #expect(stray.clientChannels == 0)
  }

  @Test("at most ten sessions; after no-more-sessions none; flooding opens ends the connection")
  func sessionLimits() {
    let pair = ConnectionPair().start()
    for _ in 0..<11 { _ = pair.client.openChannel(.session) }
    pair.run()
    #expect(pair.serverSessions == 10)
    #expect(pair.clientEvents.count { $0.name == "channelOpenFailed" } == 1)

    let last = ConnectionPair().start()
    _ = last.client.sendGlobalRequest("no-more-sessions@openssh.com", wantsReply: false)
    _ = last.client.openChannel(.session)
    last.run()
    #expect(last.serverSessions == 0)

    let flood = ConnectionPair().start()
    for _ in 0..<500 {
      flood.inject([90, 0, 0, 0, 1, 120, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0])
    }
    flood.run()
    #expect(flood.serverError?.kind == .limit)
  }

  @Test("numbers are dense, the lowest is used again, an old id names nothing")
  func numbers() throws {
    let pair = ConnectionPair().start()
    let ids = (0..<4).compactMap { _ in pair.client.openChannel(.session) }
    pair.run()
    try #require(ids.map(\.number) == [0, 1, 2, 3])
    pair.client.closeChannel(ids[1])
    pair.run()
    let again = try #require(pair.openByClient(.session))
    #expect(again.number == 1)
    #expect(again != ids[1])
    pair.run()
    pair.client.write(ByteBuffer(string: "stale"), to: ids[1])
    pair.run()
    #expect(pair.serverReceived.isEmpty)
  }

  @Test("EOF ends one direction only; CLOSE both; each order ends with both sides free", arguments: 0..<6)
  func endings(order: Int) throws {
    let (pair, id) = try ConnectionPair.withSession()
    switch order {
    case 0:  // client EOF, server data, server close
      pair.client.finishWriting(id)
      pair.run()
      #expect(pair.serverEvents.contains { $0.name == "channelEOF" })
      pair.server.write(ByteBuffer(string: "still"), to: there)
      pair.run()
      #expect(String(decoding: pair.clientReceived, as: UTF8.self) == "still")
      pair.server.closeChannel(there)
    case 1:  // both EOF, client close
      pair.client.finishWriting(id)
      pair.server.finishWriting(there)
      pair.run()
      pair.client.closeChannel(id)
    case 2:  // both close at once
      pair.client.closeChannel(id, .now)
      pair.server.closeChannel(there, .now)
    case 3:  // data, EOF and CLOSE in one go
      pair.server.write(ByteBuffer(string: "all"), to: there)
      pair.server.finishWriting(there)
      pair.server.sendChannelRequest(.exitStatus(3), on: there)
      pair.server.closeChannel(there)
      pair.server.write(ByteBuffer(string: "too late"), to: there)
    case 4:  // closed with data on its way
      pair.client.write(ByteBuffer(repeating: 1, count: 200_000), to: id)
      pair.server.closeChannel(there, .now)
    default:  // closed twice
      pair.client.closeChannel(id)
      pair.client.closeChannel(id)
      pair.client.closeChannel(id, .now)
    }
    pair.run()
    #expect(pair.serverError == nil)
    #expect(pair.clientError == nil)
    #expect(pair.serverChannels == 0)
    #expect(pair.clientChannels == 0)
    #expect(pair.serverEvents.count { $0.name == "channelClosed" } == 1)
    #expect(pair.clientEvents.count { $0.name == "channelClosed" } == 1)
    if order == 3 {
      #expect(String(decoding: pair.clientReceived, as: UTF8.self) == "all")
      let names = pair.clientEvents.map(\.name).suffix(4)
      #expect(Array(names) == ["channelData", "channelEOF", "channelRequest", "channelClosed"])
    }
  }

  @Test("CLOSE without EOF is a reset")
  func reset() throws {
    let (pair, _) = try ConnectionPair.withSession()
    pair.inject([MessageNumber.channelClose, 0, 0, 0, 0])
    pair.run()
    guard case .channelClosed(_, let end) = pair.serverEvents.last else {
      Issue.record("not closed")
      return
    }
    #expect(end == .reset)
  }

  @Test("an open that nobody wants any more is closed when its answer comes")
  func abandonedOpen() throws {
    let pair = ConnectionPair().start()
    let id = try #require(
      pair.openByServer(
        .forwardedTCPIP(connectedHost: "a", connectedPort: 1, originatorHost: "127.0.0.1", originatorPort: 2)))
    pair.server.closeChannel(id)
    pair.run()
    #expect(!pair.serverEvents.contains { $0.name == "channelOpened" })
    #expect(pair.serverEvents.last?.name == "channelClosed")
    #expect(pair.serverChannels == 0)
    #expect(pair.clientChannels == 0)
  }

  @Test("the end of the connection ends every channel")
  func connectionLost() throws {
    let (pair, _) = try ConnectionPair.withSession()
    _ = pair.server.openChannel(
      .forwardedTCPIP(connectedHost: "a", connectedPort: 1, originatorHost: "127.0.0.1", originatorPort: 2))
    pair.serverEvents.removeAll()
    pair.server.transportClosed()
    pair.drainServer()
    #expect(pair.serverEvents.map(\.name) == ["channelClosed", "channelClosed"])
    #expect(pair.hasServerEnded)
  }

  @Test(
    "messages for a channel that is not there, or not in that state, end the connection",
    arguments: [91, 92, 93, 94, 95, 96, 97, 98, 99, 100] as [UInt8])
  func unknownChannel(number: UInt8) throws {
    let (pair, _) = try ConnectionPair.withSession()
    pair.inject([number, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    pair.run()
    #expect(pair.serverError != nil)
  }

  @Test(
    "confirmation or failure of a channel that is open already ends the connection", arguments: [91, 92] as [UInt8])
  func doubleAnswers(number: UInt8) throws {
    let (pair, _) = try ConnectionPair.withSession()
    pair.inject([number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    pair.run()
    #expect(pair.serverError?.kind == .channel)
  }

  @Test("data after EOF ends the connection")
  func dataAfterEOF() throws {
    let (pair, _) = try ConnectionPair.withSession()
    pair.inject([MessageNumber.channelEOF, 0, 0, 0, 0])
    pair.inject([MessageNumber.channelData, 0, 0, 0, 0, 0, 0, 0, 1, 65])
    pair.run()
    #expect(pair.serverError?.kind == .channel)
  }
}
