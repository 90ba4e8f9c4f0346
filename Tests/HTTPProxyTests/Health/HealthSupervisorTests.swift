import NIOCore
import Policy
import Routing
import Synchronization
import TestSupport
import Testing

@testable import HTTPProxy

/// Checks of running members: tunnels and addresses.
@Suite(.timeLimit(.minutes(4))) struct HealthSupervisorTests {
  /// Whether a service is well, and how often it was asked.
  private final class Condition: Sendable {
    private let state = Mutex((isWell: true, count: 0))
    var isWell: Bool { state.withLock { $0.isWell } }
    var count: Int { state.withLock { $0.count } }
    func become(well: Bool) { state.withLock { $0.isWell = well } }
    func asked() { state.withLock { $0.count += 1 } }
  }

  private func service(_ name: String, _ condition: Condition) async throws -> TestService {
    try await TestService { request, connection in
      guard request.hasPrefix("GET /healthz ") else { return connection.reply(name) }
      condition.asked()
      if condition.isWell { return connection.reply("well") }
      connection.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    }
  }

  private func route(_ targets: [RouteTarget] = [], isTunnel: Bool, panic: Int = 50) throws -> Route {
    var route = try TestEdge.route(targets: targets, isTunnel: isTunnel)
    var check = HealthCheck(.http(path: "/healthz", host: nil, expected: [], speaksHTTP2: false))
    check.interval = 10
    route.balance.healthChecks = [check]
    route.balance.panicThreshold = panic
    return route
  }

  private func target(_ service: TestService) -> RouteTarget {
    RouteTarget(scheme: .http, host: "127.0.0.1", port: service.port, portIsExplicit: true)
  }

  private func answers(_ edge: TestEdge, _ count: Int) async throws -> Set<String> {
    var answers: Set<String> = []
    let client = try await edge.client()
    for _ in 0..<count {
      client.clear()
      client.send(get())
      let text = try await client.wait(for: "\r\n\r\n")
      answers.insert(String(text.split(separator: "\r\n\r\n").last ?? ""))
    }
    await client.close()
    return answers
  }

  @Test func `an address that is not well gets no requests until it is again`() async throws {
    let conditions = [Condition(), Condition(), Condition()]
    var services: [TestService] = []
    for (name, condition) in zip(["a", "b", "c"], conditions) { services.append(try await service(name, condition)) }
    conditions[1].become(well: false)
    let route = try route(services.map(target), isTunnel: false)
    let edge = try await TestEdge(routes: [route])
    try await until("two well members and a failing one") {
      edge.proxy.healthCounts[route.id].map { $0.healthy == 2 && $0.unhealthy == 1 && $0.failed > 0 } == true
    }
    #expect(try await answers(edge, 12) == ["a", "c"])
    conditions[1].become(well: true)
    try await until("three well members") { edge.proxy.healthCounts[route.id]?.healthy == 3 }
    #expect(try await answers(edge, 12) == ["a", "b", "c"])
    // Without checks in the configuration nothing is asked any more, and nobody is kept out.
    conditions[0].become(well: false)
    try await until("the failing member") { edge.proxy.healthCounts[route.id]?.unhealthy == 1 }
    var plain = route
    plain.balance.healthChecks = []
    edge.routes.replace([plain])
    edge.proxy.reconsider(.everything)
    #expect(edge.proxy.healthCounts.isEmpty)
    while try await answers(edge, 6) != ["a", "b", "c"] {}
    await edge.stop()
  }

  @Test func `with nobody well the visitor is told, where panic is off`() async throws {
    let condition = Condition()
    condition.become(well: false)
    let only = try await service("only", condition)
    let route = try route([target(only)], isTunnel: false, panic: 0)
    let edge = try await TestEdge(routes: [route])
    try await until("the failing member") { edge.proxy.healthCounts[route.id]?.unhealthy == 1 }
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.wait(for: "no_healthy_upstream").hasPrefix("HTTP/1.1 503"))
    await edge.stop()
  }

  @Test func `tunnels are checked while they are attached`() async throws {
    let condition = Condition()
    let service = try await service("a", condition)
    let route = try route(isTunnel: true)
    let edge = try await TestEdge(routes: [route])
    let binding = try #require(edge.publish(route, port: service.port))
    try await until("the tunnel to be healthy") { binding.health.status == .healthy }
    condition.become(well: false)
    try await until("the tunnel to be unhealthy") { binding.health.status == .unhealthy }
    #expect(binding.health.reason == "it answers with status 500")
    edge.registry.setState(binding.id, .detached(.notPermitted))
    try await until("the tunnel to be unchecked") { binding.health.status == .unchecked }
    // The service may have one before it that was asked before; checks that went on would never come to rest.
    var before = -1
    while condition.count != before {
      before = condition.count
      try await Task.sleep(for: .milliseconds(60))
    }
    edge.registry.setState(binding.id, .attached)
    try await until("the tunnel to be unhealthy") { binding.health.status == .unhealthy }
    edge.registry.release(binding.id, why: .connectionLost)
    try await until("the tunnel to be unchecked") { binding.health.status == .unchecked }
    await edge.stop()
  }

  @Test func `a tunnel of a route without checks is asked nothing`() async throws {
    let condition = Condition()
    let service = try await service("a", condition)
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let binding = try #require(edge.publish(route, port: service.port))
    #expect(try await answers(edge, 3) == ["a"])
    #expect(binding.health.status == .unchecked && condition.count == 0)
    #expect(service.accepted.withLock { $0 } == 1)
    await edge.stop()
  }

  @Test func `nothing listens, and nothing answers`() async throws {
    let silent = try await TestService(onData: { _, _ in })
    var patient = try route([target(silent)], isTunnel: false)
    patient.balance.healthChecks[0].timeout = 40
    let route = patient
    let edge = try await TestEdge(routes: [route])
    try await until("the failing member") { edge.proxy.healthCounts[route.id]?.unhealthy == 1 }
    var gone = route
    gone.targets[0].port = 1
    edge.routes.replace([gone])
    edge.proxy.reconsider(.everything)
    let failed = edge.proxy.healthCounts[route.id]?.failed ?? 0
    try await until("the next failure") {
      edge.proxy.healthCounts[route.id].map { $0.failed > failed && $0.unhealthy == 1 } == true
    }
    await edge.stop()
  }
}
