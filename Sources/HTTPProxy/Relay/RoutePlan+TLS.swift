import EdgeCrypto
import Routing

extension RoutePlan {
  /// How the route's services with TLS are checked, and what is offered to be spoken with them.
  func tlsContext(_ contexts: UpstreamTLSContexts, onlyHTTP1: Bool) throws(CryptoError) -> TLSClientContext {
    if let known = onlyHTTP1 ? tlsContexts.http1 : tlsContexts.any { return known }
    let context = try contexts.context(route.http.upstreamTLS, onlyHTTP1: onlyHTTP1)
    if onlyHTTP1 { tlsContexts.http1 = context } else { tlsContexts.any = context }
    return context
  }
}
