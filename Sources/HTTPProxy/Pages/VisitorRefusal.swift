import Policy
import Routing

/// Why a visitor does not get what was asked for.
package enum VisitorRefusal: Sendable {
  /// 400: the request cannot be understood in one way only; the text says what is wrong.
  case badRequest(String)
  /// 401: the token shown to the edge is good for nothing here; the text is for whoever holds it.
  case invalidToken(Route, String)
  /// 403: the visit policy says no; how, where the route tells (`show_error_details`).
  case forbidden(Route, DecisionExplanation? = nil)
  /// 403: a page of another origin sent this request (security rule 18).
  case crossSite(Route)
  /// 495 (nginx's number, and the reference's): the TLS connection has no good certificate of the visitor.
  case certificate(Route, CertificateFault)
  /// 404: no route has this host.
  case unknownHost
  /// 404: the host is ours, no route has this path.
  case noSuchPath
  /// 405.
  case methodNotAllowed
  /// 408: the request did not arrive in time.
  case requestTimedOut
  /// 413: more than we read for one of our own pages.
  case bodyTooLarge
  /// 413: the body is larger than the route takes; the limit in bytes.
  case requestTooLarge(Route, limit: UInt64)
  /// 414.
  case targetTooLong
  /// 417: an expectation other than `100-continue`.
  case expectationFailed
  /// 421: the TLS server name is served here and Host names another.
  case misdirected
  /// 429: this visitor's requests come faster than the route takes them.
  case tooManyRequests(Route, retryAfter: Int)
  /// 429: this visitor has more requests under way than the route takes of one.
  case tooManyAtOnce(Route)
  /// 429: this address has more connections than one may have.
  case tooManyConnections
  /// 431.
  case headTooLarge
  /// 501: a transfer coding we do not know.
  case notImplemented
  /// 505.
  case versionNotSupported
  /// 503: nobody's tunnel is connected.
  case noTunnel(Route)
  /// 503: the tunnel was lost a moment ago and did not come back in time.
  case tunnelReconnecting(Route)
  /// 503: the tunnel's owner may no longer publish here.
  case ownerMayNotPublish(Route)
  /// 502: the tunnel is there, the service behind it refused the connection.
  case serviceRefused(Route)
  /// 502: the service broke off, or answered what is no HTTP; the text says which.
  case serviceBroke(Route, String)
  /// 503: whatever serves it fails its health checks.
  case serviceUnhealthy(Route)
  /// 503: the publisher's client can open no more channels.
  case serviceOutOfResources(Route)
  /// 504: the service did not answer in time.
  case timedOut(Route)
  /// 503: too many requests wait here already.
  case tooBusy
  /// 503: all visitors together ask for more than the route takes.
  case routeIsBusy(Route, retryAfter: Int)
  /// 503: the edge has no room for another connection.
  case edgeIsFull
  /// 503: nobody can say whose session has been ended elsewhere (security rule 30).
  case storeLost
  /// 503: the edge is shutting down.
  case drainingDown

  package var status: Int {
    switch self {
    case .badRequest: 400
    case .invalidToken: 401
    case .forbidden, .crossSite: 403
    case .unknownHost, .noSuchPath: 404
    case .methodNotAllowed: 405
    case .requestTimedOut: 408
    case .bodyTooLarge, .requestTooLarge: 413
    case .targetTooLong: 414
    case .expectationFailed: 417
    case .misdirected: 421
    case .certificate: 495
    case .tooManyRequests, .tooManyAtOnce, .tooManyConnections: 429
    case .headTooLarge: 431
    case .notImplemented: 501
    case .versionNotSupported: 505
    case .noTunnel, .tunnelReconnecting, .ownerMayNotPublish, .serviceUnhealthy, .serviceOutOfResources, .tooBusy,
      .routeIsBusy, .edgeIsFull, .storeLost, .drainingDown:
      503
    case .serviceRefused, .serviceBroke: 502
    case .timedOut: 504
    }
  }

  /// The cause in the access log, in the words Envoy's operators know where there are such.
  package var logDetail: String {
    switch self {
    case .badRequest: "bad_request"
    case .invalidToken: "invalid_token"
    case .forbidden: "policy_denied"
    case .crossSite: "cross_site"
    case .unknownHost: "unknown_host"
    case .noSuchPath: "route_not_found"
    case .methodNotAllowed: "method_not_allowed"
    case .requestTimedOut: "request_timeout"
    case .bodyTooLarge, .requestTooLarge: "request_payload_too_large"
    case .targetTooLong: "target_too_long"
    case .expectationFailed: "expectation_failed"
    case .misdirected: "misdirected_request"
    case .certificate(_, .required): "client_certificate_required"
    case .certificate(_, .invalid): "invalid_client_certificate"
    case .tooManyRequests: "request_rate_limited"
    case .tooManyAtOnce: "too_many_requests_at_once"
    case .tooManyConnections: "too_many_connections"
    case .headTooLarge: "request_headers_too_large"
    case .notImplemented: "unsupported_transfer_coding"
    case .versionNotSupported: "unsupported_version"
    case .noTunnel: "no_tunnel"
    case .tunnelReconnecting: "tunnel_reconnecting"
    case .ownerMayNotPublish: "owner_may_not_publish"
    case .serviceRefused: "service_refused"
    case .serviceBroke: "service_broke"
    case .serviceUnhealthy: "no_healthy_upstream"
    case .serviceOutOfResources: "service_out_of_resources"
    case .timedOut: "upstream_response_timeout"
    case .tooBusy: "overload"
    case .routeIsBusy: "route_is_busy"
    case .edgeIsFull: "edge_is_full"
    case .storeLost: "store_lost"
    case .drainingDown: "draining"
    }
  }
}
