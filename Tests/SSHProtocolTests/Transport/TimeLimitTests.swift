import NIOCore
import Testing

@testable import SSHProtocol

/// How long a client may take, to the nanosecond: before its identification, its first request, a proved key, and when it
/// has fallen silent.
struct TimeLimitTests {
  private func server(_ time: ManualClock) -> SSHConnection {
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [Fixtures.ed25519]
    configuration.clock = time.clock
    var connection = SSHConnection(configuration)
    connection.start()
    return connection
  }

  /// Lets time pass as a timer would, from deadline to deadline, and says when the connection failed.
  private func failure(of connection: inout SSHConnection, _ time: ManualClock, within limit: UInt64) -> UInt64? {
    let begun = time.now
    while let deadline = connection.deadline, deadline <= begun + limit {
      if deadline > time.now { time.advance(by: deadline - time.now) }
      do {
        try connection.timePassed()
        while try connection.nextEvent() != nil {}
      } catch {
        #expect(error.kind == .timedOut)
        return time.now - begun
      }
    }
    return nil
  }

  @Test(arguments: ["", "SSH-2.0-", "SSH-2.0-slow\r"])
  func anIdentificationComesWithinTenSeconds(_ beginning: String) throws {
    let time = ManualClock()
    var connection = server(time)
    try connection.receive(ByteBuffer(string: beginning))
    #expect(failure(of: &connection, time, within: .seconds(60)) == .seconds(10))
  }

  @Test func bytesNowAndThenDoNotProlongIt() throws {
    let time = ManualClock()
    var connection = server(time)
    for byte in "SSH-2.0-".utf8 {
      time.advance(by: .milliseconds(1200))
      try connection.receive(ByteBuffer(bytes: [byte]))
    }
    #expect(failure(of: &connection, time, within: .seconds(60)) == .milliseconds(400))
  }

  @Test func aFirstRequestComesWithinThirtySeconds() throws {
    let time = ManualClock()
    var connection = server(time)
    try connection.receive(ByteBuffer(string: "SSH-2.0-slow\r\n"))
    #expect(failure(of: &connection, time, within: .seconds(60)) == .seconds(30))

    let pair = ConnectionPair()
    pair.automatic = false
    pair.start()
    pair.advance(by: .seconds(29))
    #expect(pair.serverError == nil)
    pair.advance(by: .seconds(1))
    #expect(pair.serverError?.kind == .timedOut)
  }

  @Test func aKeyIsProvedWithinTheGraceTime() {
    let pair = ConnectionPair()
    pair.automatic = false
    pair.start()
    pair.client.requestService()
    pair.run()
    pair.client.authenticate(username: "alice", method: .none)
    pair.run()
    pair.advance(by: .seconds(119))
    #expect(pair.serverError == nil)
    pair.advance(by: .seconds(1))
    #expect(pair.serverError?.kind == .timedOut)
  }

  @Test func aSilentPeerIsGoneInLessThanAMinute() throws {
    let pair = ConnectionPair().start()
    #expect(pair.serverError == nil)
    let gone = failure(of: &pair.server, pair.time, within: .seconds(120))
    #expect(try #require(gone) < .seconds(60))
    #expect(try #require(gone) > .seconds(45))
  }

  @Test func anyPacketIsLife() throws {
    let pair = ConnectionPair(client: { $0.keepalive = nil }).start()
    for _ in 0..<10 {
      // Two questions are missed, then the client says something of its own.
      pair.time.advance(by: .seconds(15))
      try pair.server.timePassed()
      pair.time.advance(by: .milliseconds(11_250))
      try pair.server.timePassed()
      _ = pair.client.sendGlobalRequest("keepalive@openssh.com", wantsReply: false)
      while let bytes = pair.client.takeOutbound() { try pair.server.receive(bytes) }
      while try pair.server.nextEvent() != nil {}
    }
    #expect(failure(of: &pair.server, pair.time, within: .seconds(45)) == nil)
  }
}
