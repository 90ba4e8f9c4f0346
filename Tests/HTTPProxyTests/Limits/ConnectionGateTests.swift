import NIOCore
import Policy
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct ConnectionGateTests {
  private func limits(total: Int, perSource: Int) -> ConnectionLimits {
    var limits = ConnectionLimits()
    limits.total = total
    limits.perSource = perSource
    return limits
  }

  private func name(_ verdict: ConnectionGate.Verdict) -> String {
    switch verdict {
    case .admitted: "admitted"
    case .turnedAway(let refusal, _): refusal.logDetail
    case .closed(let limit): "closed \(limit)"
    }
  }

  @Test func anAddressHasItsShareAndAFewAreTold() {
    let gate = ConnectionGate()
    let limits = limits(total: 100, perSource: 2)
    var places: [ConnectionPlace] = []
    for _ in 0..<2 {
      if case .admitted(let place) = gate.enter("192.0.2.1", limits) { places.append(place) }
    }
    #expect(places.count == 2)
    for _ in 0..<ConnectionGate.toldBeyondPerSource {
      #expect(name(gate.enter("192.0.2.1", limits)) == "too_many_connections")
    }
    #expect(name(gate.enter("192.0.2.1", limits)) == "closed sourceConnections")
    #expect(name(gate.enter("192.0.2.2", limits)) == "admitted")
    places.forEach { $0.leave() }
    #expect(name(gate.enter("192.0.2.1", limits)) == "too_many_connections")
    #expect(gate.count == 2 + 4 + 1 + 1 - 2)
  }

  @Test func allTogether() {
    let gate = ConnectionGate()
    let limits = limits(total: 8, perSource: 4)
    for number in 0..<8 { #expect(name(gate.enter("192.0.2.\(number)", limits)) == "admitted") }
    #expect(gate.isCrowded(limits))
    for number in 0..<ConnectionGate.toldBeyond {
      #expect(name(gate.enter("198.51.100.\(number)", limits)) == "edge_is_full")
    }
    #expect(name(gate.enter("203.0.113.1", limits)) == "closed connections")
    #expect(name(gate.enter("127.0.0.1", limits)) == "closed connections")
  }

  /// Who filled the port for plain HTTP would else leave no place at the other.
  @Test func theDoorThatRedirectsCountsToo() async throws {
    let edge = try await TestEdge(routes: [TestEdge.route()], group: TestEdge.oneLoop) {
      $0.redirectAddresses = [.init(host: "127.0.0.1", port: 0)]
      $0.connections.exempt = []
      $0.connections.perSource = 1
    }
    let port = try #require(edge.proxy.ports.last)
    let first = try await RawClient(port: port)
    let second = try await RawClient(port: port)
    _ = try await second.waitUntilClosed()
    #expect(edge.proxy.connectionCount == 1)
    await first.close()
    while edge.proxy.connectionCount > 0 { await Task.yield() }
    let third = try await RawClient(port: port)
    third.send("GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
    #expect(try await third.waitUntilClosed().hasPrefix("HTTP/1.1 308"))
    await edge.stop()
  }

  @Test func proxiesAndThisMachineAreNotOneVisitor() throws {
    var limits = limits(total: 100, perSource: 1)
    limits.exempt.append(try #require(AddressRange("10.0.0.0/8")))
    let gate = ConnectionGate()
    for _ in 0..<3 {
      for address in ["127.0.0.1", "::1", "10.1.2.3", "unknown"] {
        #expect(name(gate.enter(address, limits)) == "admitted")
      }
    }
    #expect(name(gate.enter("2001:db8::1", limits)) == "admitted")
    #expect(name(gate.enter("2001:db8::2", limits)) == "too_many_connections")
    limits.perSource = 0
    #expect(name(gate.enter("2001:db8::2", limits)) == "admitted")
  }

  @Test func whoComesTooLateIsToldAndGoes() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route]) {
      $0.connections.perSource = 1
      $0.connections.exempt = []
    }
    edge.publish(route, port: service.port)
    let first = try await edge.client()
    first.send(get())
    _ = try await first.wait(for: "hello")
    let second = try await edge.client()
    second.send(get() + get())
    let answer = try await second.waitUntilClosed()
    #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains("too_many_connections"))
    #expect(answer.pieces(between: "HTTP/1.1 ").count == 2)
    await first.close()
    await second.close()
    while edge.proxy.connectionCount > 0 { await Task.yield() }
    let third = try await edge.client()
    third.send(get())
    _ = try await third.wait(for: "hello")
    let counts = await edge.proxy.counts()
    #expect(counts.limits[VisitorLimit.sourceConnections.rawValue] >= 1)
    await edge.stop()
  }
}
