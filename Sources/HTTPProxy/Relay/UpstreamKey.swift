import Routing

/// Where a connection to a service leads.
enum UpstreamKey: Hashable {
  /// With where its client was asked to connect to: a connection to one address of `to` is no way to another, nor to the one
  /// that takes its place in the configuration.
  case tunnel(BindingID, host: String, port: Int, UpstreamSpeech)
  case direct(host: String, port: Int, UpstreamSpeech)

  var speech: UpstreamSpeech {
    switch self {
    case .tunnel(_, _, _, let speech), .direct(_, _, let speech): speech
    }
  }

  /// The tunnel it leads through, if it does.
  var binding: BindingID? {
    if case .tunnel(let id, _, _, _) = self { return id }
    return nil
  }

  var text: String {
    switch self {
    case .tunnel(let id, _, _, _): id.description
    case .direct(let host, let port, _): "\(host):\(port)"
    }
  }
}

/// What is spoken to a service, as the scheme of `to` says.
enum UpstreamSpeech: Hashable {
  /// `http`
  case http1
  /// `h2c`: HTTP/2 with prior knowledge (RFC 9113 section 3.3).
  case http2
  /// `https`: what ALPN agrees on. HTTP/1.1 alone is offered where only that will do.
  case tls(UpstreamTLSUse, onlyHTTP1: Bool)
}

/// Whose settings check a service with TLS: another route, or the same after a change, may check it otherwise.
struct UpstreamTLSUse: Hashable {
  var route: RouteID
  /// Of the routes in force.
  var generation: UInt64
}
