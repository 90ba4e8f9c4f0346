import NIOCore
import Routing
import Testing

@testable import SSHServer

/// More visitors than the client is asked to hold.
@Suite(.timeLimit(.minutes(4))) struct PlacesTests {
  @Test func thoseBeyondTheLimitWaitAndAreServed() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")]) { $0.maxChannels = 4 }
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
      // Few and small ones: nobody waits for ten seconds, on a busy machine either.
      for _ in 0..<12 {
        group.addTask {
          let outcome = try await StreamExchange.run(binding, amount: 50_000)
          return outcome.isEchoed && binding.counters.openStreams <= 4
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes == Array(repeating: true, count: 12))
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func whoGivesUpLeavesTheQueueAndTheLastPlacesAreForPlainRequests() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")]) { $0.maxChannels = 4 }
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    let load = try #require(binding.opener.load)
    let loop = edge.group.next()
    func request(isLasting: Bool) -> StreamRequest {
      var request = StreamRequest(
        originatorAddress: "192.0.2.9", originatorPort: 4711, destinationHost: "localhost", destinationPort: 80)
      request.isLasting = isLasting
      request.claim = StreamClaim()
      return request
    }
    let lasting = [request(isLasting: true), request(isLasting: true), request(isLasting: true)]
    var streams = [
      try await binding.opener.open(lasting[0], on: loop).get(),
      try await binding.opener.open(lasting[1], on: loop).get(),
    ]
    // Half of four: the third waits, a plain one does not.
    let third = binding.opener.open(lasting[2], on: loop)
    streams.append(try await binding.opener.open(request(isLasting: false), on: loop).get())
    #expect(load.demand.isWaitedFor)
    lasting[2].claim?.withdraw()
    await #expect(throws: StreamOpenFailure.outOfResources) { try await third.get() }
    #expect(!load.demand.isWaitedFor)
    // One that turns out to last counts from then on.
    let all = streams
    try await loop.submit { all[2].value.noteLasting() }.get()
    try await loop.submit { all[0].value.close(.finished) }.get()
    let fourth = binding.opener.open(request(isLasting: true), on: loop)
    try await loop.submit { all[1].value.close(.finished) }.get()
    let opened = try await fourth.get()
    try await loop.submit {
      opened.value.close(.finished)
      all[2].value.close(.finished)
    }.get()
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }
}
