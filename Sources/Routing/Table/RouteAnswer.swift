/// What a route without a service says to whoever is admitted.
package enum RouteAnswer: Sendable, Hashable {
  case redirect(RouteRedirect)
  /// `response`: a status and a text.
  case response(status: Int, body: String)
}

/// `redirect`: which parts of the address change; the others stay the visitor's.
package struct RouteRedirect: Sendable, Hashable {
  package var status = 301
  package var scheme: String?
  package var host: String?
  package var port: Int?
  /// Instead of the whole path.
  package var path: String?
  /// Instead of the prefix that the route matched.
  package var prefixRewrite: String?
  package var stripsQuery = false

  package init() {}
}
