import Policy
import Synchronization
import Testing

@testable import Routing

struct TunnelTrafficTests {
  private static let start = UnixTime(seconds: 1_800_000_000)

  private func request(_ path: String = "/", visitor: String = "ann", at seconds: Int64 = 0) -> TrafficRequest {
    TrafficRequest(
      startedAt: Self.start.adding(seconds: seconds), visitor: visitor, method: "GET", host: "app.example", path: path)
  }

  private func progress(_ status: Int, out: UInt64 = 0) -> TrafficProgress {
    TrafficProgress(status: status, bytesIn: 1, bytesOut: out, isUpgraded: false)
  }

  private let done = TrafficEnding(durationMilliseconds: 5, detail: "via_upstream")

  @Test func whileNobodyLooksNothingIsMadeOrKept() {
    let traffic = TunnelTraffic()
    var isMade = false
    func make() -> TrafficRequest {
      isMade = true
      return request()
    }
    #expect(traffic.begin(BindingID(1), make()) == nil && !isMade)
    #expect(traffic.snapshot(now: Self.start) == nil)
  }

  @Test func requestsAreToldFromTheirBeginToTheirEnd() throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    let entry = try #require(traffic.begin(BindingID(1), request("/a\u{1B}[2J?token=secret", visitor: "eve\u{202E}")))
    var snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.running == 1 && snapshot.requests.first?.path == "/a\\u{1b}[2J")
    #expect(snapshot.requests.first?.visitor == "eve\\u{202e}" && snapshot.visitors == 1)
    entry.progressed(progress(200, out: 10))
    snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.requests.first?.progress.bytesOut == 10 && snapshot.requests.first?.ending == nil)
    entry.ended(progress(200, out: 20), done)
    snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.running == 0 && snapshot.requests.first?.ending == done && snapshot.endedCount == 1)
    #expect(snapshot.total == TrafficTotals(requests: 1, errors: 0, bytesIn: 1, bytesOut: 20))
  }

  @Test func errorsAreWhatTheServiceOwes() throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    for (status, detail) in [(200, ""), (404, ""), (500, ""), (502, ""), (0, "service_broke_off"), (0, "visitor_left")]
    {
      traffic.begin(BindingID(1), request())?
        .ended(progress(status), TrafficEnding(durationMilliseconds: 1, detail: detail))
    }
    #expect(traffic.snapshot(now: Self.start)?.total.errors == 3)
  }

  @Test func aReaderIsWokenOnceUntilItReads() {
    let traffic = TunnelTraffic()
    let wakes = Atomic<Int>(0)
    traffic.watch(since: Self.start) { wakes.wrappingAdd(1, ordering: .relaxed) }
    for _ in 0..<100 { traffic.begin(BindingID(1), request())?.ended(progress(200), done) }
    #expect(wakes.load(ordering: .relaxed) == 1)
    _ = traffic.snapshot(now: Self.start)
    #expect(wakes.load(ordering: .relaxed) == 1)
    _ = traffic.begin(BindingID(1), request())
    #expect(wakes.load(ordering: .relaxed) == 2)
  }

  @Test func everythingIsBounded() throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    var entries: [TrafficEntry] = []
    for number in 0..<1200 {
      let long = String(repeating: "x", count: 500)
      entries += [traffic.begin(BindingID(1), request("/" + long, visitor: "v\(number)" + long))].compactMap(\.self)
    }
    var snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.running == 1200 && snapshot.requests.count == TrafficLog.listedRunning)
    #expect(snapshot.visitors <= TrafficLog.toldVisitors)
    #expect(snapshot.requests.allSatisfy { $0.path.utf8.count < 400 && $0.visitor.utf8.count < 200 })
    for entry in entries { entry.ended(progress(200), done) }
    snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.running == 0 && snapshot.requests.count == TrafficLog.keptRequests && snapshot.endedCount == 1200)
    #expect(snapshot.requests.map(\.id) == snapshot.requests.map(\.id).sorted(by: >))
  }

  @Test func visitorsAreThoseOfTheLastMinute() throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    traffic.begin(BindingID(1), request(visitor: "ann"))?.ended(progress(200), done)
    let bob = traffic.begin(BindingID(1), request(visitor: "bob", at: 30))
    #expect(traffic.snapshot(now: Self.start.adding(seconds: 59))?.visitors == 2)
    #expect(traffic.snapshot(now: Self.start.adding(seconds: 61))?.visitors == 1)
    // Whoever has something running is there.
    #expect(traffic.snapshot(now: Self.start.adding(seconds: 3600))?.visitors == 1)
    bob?.withdrawn()
    #expect(traffic.snapshot(now: Self.start.adding(seconds: 7200))?.visitors == 0)
    #expect(traffic.snapshot(now: Self.start)?.total.requests == 1)
  }

  @Test func whatAFormerReaderWasToldDoesNotCountForTheNext() throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    let old = try #require(traffic.begin(BindingID(1), request("/old")))
    traffic.unwatch()
    old.progressed(progress(200))
    traffic.watch(since: Self.start) {}
    let new = try #require(traffic.begin(BindingID(1), request("/new")))
    old.ended(progress(500), done)
    old.withdrawn()
    let snapshot = try #require(traffic.snapshot(now: Self.start))
    #expect(snapshot.requests.map(\.path) == ["/new"] && snapshot.running == 1 && snapshot.total.errors == 0)
    new.ended(progress(200), done)
    #expect(traffic.snapshot(now: Self.start)?.running == 0)
  }

  @Test func manyThreadsTellAtOnce() async throws {
    let traffic = TunnelTraffic()
    traffic.watch(since: Self.start) {}
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for number in 0..<200 {
            let entry = traffic.begin(
              BindingID(UInt64(task)),
              TrafficRequest(startedAt: Self.start, visitor: "v", method: "GET", host: "h", path: "/\(number)"))
            entry?.progressed(TrafficProgress(status: 200, bytesIn: 0, bytesOut: 1, isUpgraded: false))
            entry?.ended(
              TrafficProgress(status: 200, bytesIn: 0, bytesOut: 1, isUpgraded: false),
              TrafficEnding(durationMilliseconds: 1, detail: "via_upstream"))
            if number % 50 == 0 { _ = traffic.snapshot(now: Self.start) }
          }
        }
      }
    }
    let total = try #require(traffic.snapshot(now: Self.start)).total
    #expect(total.requests == 1600 && total.bytesOut == 1600)
  }
}
