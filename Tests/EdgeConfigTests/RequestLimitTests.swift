import EdgeConfig
import Testing

@Suite struct RequestLimitTests {
  private func limits(_ global: String, _ route: String = "") throws -> RequestLimitsConfiguration {
    let loaded = load(base + "\(global)\nroutes: [{from: https://a.example.org, to: http://b\(route)}]\n")
    #expect(loaded.errors.isEmpty, "\(loaded.diagnostics)")
    return try #require(loaded.configuration?.routes.first).http.limits
  }

  @Test(
    arguments: [
      ("100/s", 100, 1000, 100), ("30/m burst:60", 30, 60_000, 60), ("1000/h  burst:1", 1000, 3_600_000, 1),
    ] as [(String, Int, Int64, Int)])
  func rates(_ text: String, _ count: Int, _ period: Int64, _ burst: Int) throws {
    let rate = try #require(try limits("per_visitor_max_request_rate: \(text)").visitorRate)
    #expect(rate.count == count && rate.period == period && rate.burst == burst)
  }

  @Test func aRouteHasItsOwnWord() throws {
    let global = "per_visitor_max_request_rate: 5/s\nmax_request_bytes: 100\nper_route_max_requests: 7"
    let own = try limits(global, ", per_visitor_max_request_rate: 0, max_request_bytes: 0")
    #expect(own.visitorRate == nil && own.requestBytes == 0 && own.routeRequests == 7)
    #expect(try limits(global).visitorRate?.count == 5)
    #expect(try limits("") == RequestLimitsConfiguration())
  }

  @Test(arguments: ["5", "5/d", "/s", "0/s", "-1/s", "5/s 7", "5/s burst:0", "5/s burst:x", "5/s burst:1 x", "1e3/s"])
  func noRates(_ text: String) {
    let loaded = load(
      base + "per_route_max_request_rate: \(text)\nroutes: [{from: https://a.example.org, to: http://b}]\n")
    #expect(loaded.errors.count == 1 && loaded.errors.first?.message.contains("`per_route_max_request_rate`") == true)
  }
}
