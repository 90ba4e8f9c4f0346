import HTTPWire
import NIOCore
import Routing
import Synchronization
import TestSupport
import Testing

@testable import HTTPProxy

/// Connections that wait for a request, and requests that wait for a connection.
@Suite(.timeLimit(.minutes(4))) struct PoolTests {
  /// Opens a given number of streams; further ones wait for ever, and are counted.
  private final class NarrowOpener: StreamOpener {
    let inner: TCPStreamOpener
    let left: Mutex<Int>
    let withdrawn = Mutex(0)
    let load: OpenerLoad?

    init(port: Int, streams: Int, load: OpenerLoad? = nil) {
      inner = TCPStreamOpener(host: "127.0.0.1", port: port)
      left = Mutex(streams)
      self.load = load
    }

    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      let isOpen = left.withLock {
        $0 -= 1
        return $0 >= 0
      }
      if isOpen { return inner.open(request, on: eventLoop) }
      let promise = eventLoop.makePromise(of: NIOLoopBound<any ByteStream>.self)
      request.claim?.whenWithdrawn {
        self.withdrawn.withLock { $0 += 1 }
        promise.fail(StreamOpenFailure.outOfResources)
      }
      return promise.futureResult
    }
  }

  @Test func aRequestTakesWhatAnotherIsDoneWith() async throws {
    let held = Mutex<[TestService.Connection]>([])
    let service = try await TestService { head, connection in
      if head.contains("/first") { held.withLock { $0.append(connection) } } else { connection.reply("second") }
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route], group: TestEdge.oneLoop) { $0.pooledIdleTime = 40 }
    let opener = NarrowOpener(port: service.port, streams: 1)
    edge.publish(route, port: 1, opener: opener)
    let clients = [try await edge.client(), try await edge.client()]
    clients[0].send(get("/first"))
    try await until("the first request at the service") { held.withLock { !$0.isEmpty } }
    // What is empty is cleared away now and then; who comes later must be found all the same.
    try await Task.sleep(for: .milliseconds(60))
    clients[1].send(get("/second", method: "POST", "Content-Length: 0\r\n"))
    try await until("the second stream to be asked for") { opener.left.withLock { $0 } < 0 }
    held.withLock { $0.first }?.reply("first")
    _ = try await clients[0].wait(for: "first")
    _ = try await clients[1].wait(for: "second")
    #expect(opener.withdrawn.withLock { $0 } == 1)
    #expect(service.connections == 1)
    await edge.stop()
  }

  @Test func whoLeavesWithdrawsItsWait() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let opener = NarrowOpener(port: service.port, streams: 0)
    edge.publish(route, port: 1, opener: opener)
    let client = try await edge.client()
    client.send(get())
    try await until("the stream to be asked for") { opener.left.withLock { $0 } < 0 }
    await client.close()
    try await until("the wait to be withdrawn") { opener.withdrawn.withLock { $0 } > 0 }
    await edge.stop()
  }

  @Test func nothingIsKeptWhileSomebodyWaitsForAPlace() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let demand = PlaceDemand()
    let load = OpenerLoad(demand: demand)
    edge.publish(route, port: 1, opener: NarrowOpener(port: service.port, streams: 10, load: load))
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "hello")
    #expect(load.keptStreams == 1)
    client.clear()
    demand.update(waiting: 1, since: 1)
    client.send(get())
    _ = try await client.wait(for: "hello")
    try await until("the connection to be closed") { service.closed.withLock { $0 } > 0 }
    #expect(load.keptStreams == 0)
    await edge.stop()
  }

  @Test func aSurplusIsClosedAfterAMoment() async throws {
    let held = Mutex<[TestService.Connection]>([])
    let service = try await TestService { _, connection in held.withLock { $0.append(connection) } }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route], group: TestEdge.oneLoop) { $0.pooledPerBinding = 2 }
    edge.publish(route, port: service.port)
    var clients: [RawClient] = []
    for _ in 0..<5 { clients.append(try await edge.client()) }
    for client in clients { client.send(get()) }
    try await until("five requests at the service") { held.withLock { $0.count } == 5 }
    for connection in held.withLock({ $0 }) { connection.reply("done") }
    for client in clients { _ = try await client.wait(for: "done") }
    try await until("three to be closed") { service.closed.withLock { $0 } >= 3 }
    #expect(service.closed.withLock { $0 } == 3)
    await edge.stop()
  }

  @Test(
    arguments: [
      ("timeout=5", 4), ("timeout=5, max=100", 4), ("max=100, timeout = 30", 29), ("timeout=\"2\"", 1),
      ("timeout=1", 0),
      ("timeout=0", 0), ("timeout=86400", 60), ("timeout=-3", nil), ("timeout", nil), ("max=5", nil), ("", nil),
    ] as [(String, Int64?)])
  func theServiceSaysHowLongItWaits(_ text: String, _ seconds: Int64?) {
    #expect(KeepAlive.idleLimit(HeaderList([("Keep-Alive", text)])) == seconds.map { .seconds($0) })
  }

  @Test func aServiceThatWaitsForNothingIsNotKept() async throws {
    let service = try await TestService { _, connection in connection.reply("hello", "Keep-Alive: timeout=1\r\n") }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "hello")
    try await until("the connection to be closed") { service.closed.withLock { $0 } > 0 }
    await edge.stop()
  }

  @Test func whatLastsTakesAChannelForItself() async throws {
    let service = try await TestService { head, connection in
      if head.contains("/events") {
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
      } else {
        connection.reply("n\(connection.number);")
      }
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/1"))
    _ = try await client.wait(for: "n1;")
    client.clear()
    client.send(get("/events", "Accept: text/event-stream\r\n"))
    _ = try await client.wait(for: "event-stream")
    #expect(service.connections == 2)
    await edge.stop()
  }

  /// Tells where its client is asked to connect to.
  private final class AskedOpener: StreamOpener {
    let inner: TCPStreamOpener
    let asked = Mutex<[String]>([])
    init(port: Int) { inner = TCPStreamOpener(host: "127.0.0.1", port: port) }
    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      asked.withLock { $0.append(request.destinationHost) }
      return inner.open(request, on: eventLoop)
    }
  }

  @Test func aConnectionLeadsToOneAddressOfTo() async throws {
    let service = try await TestService()
    let targets = ["a.test", "b.test"].map {
      RouteTarget(scheme: .http, host: $0, port: 9000, portIsExplicit: true, path: "", weight: 1)
    }
    let route = try TestEdge.route(targets: targets)
    let edge = try await TestEdge(routes: [route], group: TestEdge.oneLoop)
    let opener = AskedOpener(port: service.port)
    edge.publish(route, port: 1, opener: opener)
    let client = try await edge.client()
    for _ in 0..<4 {
      client.clear()
      client.send(get())
      _ = try await client.wait(for: "hello")
    }
    #expect(opener.asked.withLock { $0.sorted() } == ["a.test", "b.test"])
    #expect(service.connections == 2)
    await edge.stop()
  }
}
