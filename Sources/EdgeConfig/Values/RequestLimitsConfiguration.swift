/// How much may be asked of a route; of the route, else of the global keys.
package struct RequestLimitsConfiguration: Sendable, Equatable {
  /// `max_request_bytes`; 0 is any size.
  package var requestBytes: UInt64 = 0
  /// `per_visitor_max_request_rate`.
  package var visitorRate: RequestRateConfiguration?
  /// `per_visitor_max_requests`; 0 is any number.
  package var visitorRequests = 0
  /// `per_route_max_request_rate`.
  package var routeRate: RequestRateConfiguration?
  /// `per_route_max_requests`; 0 is any number.
  package var routeRequests = 0

  package init() {}
}

/// `100/s`, `30/m burst:60`: so many in each period, and so many at once after a pause.
package struct RequestRateConfiguration: Sendable, Hashable {
  package var count: Int
  package var period: Milliseconds
  package var burst: Int
}
