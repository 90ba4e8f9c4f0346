import Policy
import Routing
import Testing

@testable import HTTPProxy

@Suite struct HTTPCountsTests {
  @Test(arguments: [
    (0, 0), (101, 1), (200, 2), (304, 3), (499, 4), (503, 5), (999, 5), (-1, 0), (Int.max, 5), (Int.min, 0),
  ])
  func aStatusBelongsToOneClass(_ status: Int, _ expected: Int) {
    var counts = RequestCounts()
    counts.ended(status: status, bytesIn: 1, bytesOut: 2, nanoseconds: 3)
    for index in counts.byClass.indices { #expect(counts.byClass[index] == (index == expected ? 1 : 0)) }
    #expect(counts.requestBytes == 1 && counts.responseBytes == 2 && counts.nanoseconds == 3)
  }

  @Test func aBoundBelongsToItsRange() {
    var histogram = DurationHistogram()
    for nanoseconds in [0, 5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001, .max] as [UInt64] {
      histogram.add(nanoseconds: nanoseconds)
    }
    #expect(histogram.counts == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
  }

  @Test func loopsAddUp() {
    let route = RouteID("route-1")
    func loop(_ bytes: UInt64) -> HTTPCounts {
      let tally = LoopTally()
      tally.requests(of: route).counts.ended(status: 200, bytesIn: bytes, bytesOut: 0, nanoseconds: 1)
      tally.own.counts.ended(status: 404, bytesIn: 0, bytesOut: bytes, nanoseconds: 1)
      tally.decided(.crossSite)
      tally.handshake(.complete(.v1_3, isResumed: false))
      tally.handshake(.failed)
      tally.refused(.edgeIsFull)
      tally.refused(.unknownHost)
      return tally.counts
    }
    var sum = loop(3)
    sum.add(loop(4))
    sum.add(LoopTally().counts)
    #expect(sum.routes[route]?.requestBytes == 7 && sum.routes[route]?.byClass[2] == 2)
    #expect(sum.own.responseBytes == 7 && sum.own.byClass[4] == 2)
    #expect(sum.decisions == [0, 0, 0, 2])
    #expect(sum.limits.reduce(0, +) == 2 && sum.limits[VisitorLimit.connections.rawValue] == 2)
    #expect(sum.handshakes == [.complete(.v1_3, isResumed: false): 2, .failed: 2])
  }

  @Test func whatPlansKeepIsWhatIsTold() throws {
    let (kept, gone) = (RouteID("route-1"), RouteID("route-2"))
    let tally = LoopTally()
    let requests = tally.requests(of: kept)
    #expect(tally.requests(of: kept) === requests)
    _ = tally.requests(of: gone)
    let host = try #require(HostPattern("app.example"))
    let route = Route(id: kept, origin: RouteOrigin(scheme: .https, host: host), visitPolicy: .denyAll)
    tally.keepOnly(RouteTable(routes: [route], generation: 2))
    requests.counts.ended(status: 200, bytesIn: 0, bytesOut: 0, nanoseconds: 0)
    #expect(tally.counts.routes[kept]?.byClass[2] == 1)
    #expect(tally.counts.routes[gone] == nil)
  }
}
