extension Section {
  /// The keys that bound what is asked of a route, where they are written; else what is given.
  func requestLimits(else given: RequestLimitsConfiguration = .init()) -> RequestLimitsConfiguration {
    var limits = given
    if isWritten("max_request_bytes") {
      limits.requestBytes = UInt64(clamping: number("max_request_bytes", in: 0...Int.max))
    }
    if isWritten("per_visitor_max_request_rate") { limits.visitorRate = requestRate("per_visitor_max_request_rate") }
    if isWritten("per_route_max_request_rate") { limits.routeRate = requestRate("per_route_max_request_rate") }
    if isWritten("per_visitor_max_requests") {
      limits.visitorRequests = number("per_visitor_max_requests", in: 0...1_000_000)
    }
    if isWritten("per_route_max_requests") {
      limits.routeRequests = number("per_route_max_requests", in: 0...1_000_000)
    }
    return limits
  }

  /// `100/s`, `30/m burst:60` or `0`; without a burst as many at once as in a period.
  private func requestRate(_ name: String) -> RequestRateConfiguration? {
    guard let setting = setting(name), let text = text(name), text != "0" else { return nil }
    let words = text.split(whereSeparator: \.isWhitespace)
    let parts = words.first?.split(separator: "/", omittingEmptySubsequences: false) ?? []
    let periods: [Substring: Milliseconds] = ["s": 1000, "m": 60_000, "h": 3_600_000]
    guard (1...2).contains(words.count), parts.count == 2, let count = Int(parts[0]), let period = periods[parts[1]],
      (1...1_000_000).contains(count)
    else {
      error(setting, "`\(text)` is no rate", "as `100/s`, `30/m burst:60` or `1000/h`; 0 is none")
      return nil
    }
    guard words.count == 2 else { return RequestRateConfiguration(count: count, period: period, burst: count) }
    guard words[1].hasPrefix("burst:"), let burst = Int(words[1].dropFirst(6)), (1...1_000_000).contains(burst) else {
      error(setting, "`\(words[1])` is no burst", "as `burst:60`: how many at once after a pause")
      return nil
    }
    return RequestRateConfiguration(count: count, period: period, burst: burst)
  }
}
