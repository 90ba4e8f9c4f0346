import HTTPWire
import NIOCore
import NIOEmbedded
import Routing
import Testing

@testable import HTTPProxy

/// A connection to a service without a socket: what it writes, and when it is given up.
@Suite struct HTTP2UpstreamConnectionTests {
  private final class Below: ByteStream {
    let eventLoop: any EventLoop
    var consumer: (any ByteStreamConsumer)?
    var written = ByteBuffer()
    var end: StreamEnd?
    var isWritable: Bool { true }

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func write(_ bytes: ByteBuffer) { written.writeImmutableBuffer(bytes) }
    func flush() {}
    func finishWriting() {}
    func pauseReading() {}
    func resumeReading() {}
    func close(_ end: StreamEnd) { self.end = end }

    /// The types of the frames that were written since.
    func frames() -> [UInt8] {
      var types: [UInt8] = []
      while let head = written.readInteger(as: UInt32.self) {
        types.append(UInt8(truncatingIfNeeded: head))
        written.moveReaderIndex(forwardBy: min(written.readableBytes, 5 + Int(head >> 8)))
      }
      return types
    }
  }

  private let loop = EmbeddedEventLoop()
  private let below: Below
  private let pool = UpstreamPool()
  private let connection: HTTP2UpstreamConnection

  private static let ping: UInt8 = 6
  private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

  init() {
    below = Below(loop)
    let key = UpstreamKey.direct(host: "127.0.0.1", port: 1, .http2)
    connection = HTTP2UpstreamConnection(
      stream: below, shelf: UpstreamShelf(key: key, load: nil), pool: pool, isAlone: false)
  }

  private func hear(_ bytes: [UInt8], on connection: HTTP2UpstreamConnection? = nil) {
    let connection = connection ?? self.connection
    connection.streamDidRead(ByteBuffer(bytes: bytes))
    connection.streamDidCompleteRead()
  }

  /// Up to a request under way.
  private func start(_ connection: HTTP2UpstreamConnection? = nil) throws -> UInt32 {
    let connection = connection ?? self.connection
    var failures: [StreamOpenFailure?] = []
    connection.start { failures.append($0) }
    hear(Self.settings, on: connection)
    #expect(failures == [nil])
    let id = try begin(connection)
    pool.add(connection)
    connection.flush()
    loop.run()
    _ = below.written.readString(length: 24)
    _ = below.frames()
    return id
  }

  private func begin(_ connection: HTTP2UpstreamConnection? = nil) throws -> UInt32 {
    let connection = connection ?? self.connection
    let head = RequestHead(method: .get, target: "/", headers: HeaderList(), authority: Authority(host: "service.test"))
    let id = connection.begin(connection.makeStream(for: nil), head, protocolName: nil, endsStream: true)
    return try #require(id)
  }

  /// So long after the last sign of life, or the request.
  private func look(_ connection: HTTP2UpstreamConnection? = nil, after seconds: Int64) {
    pool.sweep((connection ?? self.connection).heardAt + .seconds(seconds))
    loop.run()
  }

  @Test(arguments: [false, true]) func aSilentServiceIsAskedAndGivenUp(_ isAlone: Bool) throws {
    let connection = HTTP2UpstreamConnection(stream: below, shelf: connection.shelf, pool: pool, isAlone: isAlone)
    _ = try start(connection)
    look(connection, after: 1)
    #expect(below.frames().isEmpty)
    look(connection, after: 16)
    #expect(below.frames() == [Self.ping] && below.end == nil)
    look(connection, after: 32)
    #expect(below.end == .connectionLost)
    // Nothing of it is left where it was looked after.
    look(connection, after: 33)
    #expect(pool.shelves.isEmpty && pool.count == 0)
  }

  /// The same for one that takes nothing more, while the last of its requests is under way.
  @Test func whatIsLeftOnALeavingConnectionIsLookedAfter() throws {
    _ = try start()
    hear(HTTP2TestPeer.goAway(after: 1))
    #expect(!connection.takes(nil) && below.end == nil)
    look(after: 16)
    #expect(below.frames() == [Self.ping])
    // A sign of life.
    hear([0, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    look(after: 2)
    #expect(below.end == nil)
    // Its answer: `:status 204`, and that is all.
    hear([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89])
    #expect(below.end == .finished)
    look(after: 33)
    #expect(pool.shelves.isEmpty)
  }

  /// No channel may be free for another connection, and this one is there.
  @Test func whoWaitedWhileItWasDoubtedIsServedAtTheSignOfLife() throws {
    _ = try start()
    connection.doubt()
    #expect(!connection.takes(nil))
    var served = 0
    pool.wait(
      UpstreamWaiter(session: nil) { _, _ in
        served += 1
        return true
      }, on: connection.shelf)
    loop.run()
    #expect(below.frames() == [Self.ping] && served == 0)
    hear([0, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(served == 1 && connection.takes(nil))
  }

  /// One request stays while a visitor begins others and gives them up.
  @Test func whoGivesUpRequestsWearsOutAConnectionAndBreaksNoOther() throws {
    _ = try start()
    for number in 0..<ConnectionUse.mostGivenUp {
      #expect(connection.takes(nil), "request \(number)")
      connection.reset(try begin(), .cancel)
      loop.run()
    }
    #expect(!connection.takes(nil) && below.end == nil)
    #expect(below.frames().count == 2 * ConnectionUse.mostGivenUp)
    hear([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89])
    #expect(below.end == .finished)
  }
}
