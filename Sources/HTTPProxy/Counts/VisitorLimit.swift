/// A limit that a visitor can meet; one for each word of the metric.
package enum VisitorLimit: Int, Sendable, CaseIterable {
  /// `max_connections`.
  case connections
  /// `per_source_max_connections`.
  case sourceConnections
  /// `per_visitor_max_request_rate`.
  case visitorRate
  /// `per_visitor_max_requests`.
  case visitorRequests
  /// `per_route_max_request_rate` and `per_route_max_requests`.
  case route
  /// `max_request_bytes`, and what the edge's own pages read.
  case body
  /// The head of a request, its target among it.
  case head
  /// `timeout_read`.
  case readTime
  /// `timeout_write`.
  case writeTime

  init?(_ refusal: VisitorRefusal) {
    switch refusal {
    case .edgeIsFull: self = .connections
    case .tooManyConnections: self = .sourceConnections
    case .tooManyRequests: self = .visitorRate
    case .tooManyAtOnce: self = .visitorRequests
    case .routeIsBusy: self = .route
    case .requestTooLarge, .bodyTooLarge: self = .body
    case .headTooLarge, .targetTooLong: self = .head
    case .requestTimedOut: self = .readTime
    default: return nil
    }
  }
}
