/// What a route without a service says.
package enum RouteAnswerConfiguration: Sendable, Hashable {
  case redirect(RouteRedirectConfiguration)
  case response(status: Int, body: String)
}

/// `redirect`: which parts of the address change.
package struct RouteRedirectConfiguration: Sendable, Hashable {
  package var status: Int
  package var scheme: String?
  package var host: String?
  package var port: Int?
  package var path: String?
  package var prefixRewrite: String?
  package var stripsQuery: Bool
}

/// `rewrite_response_headers`: a beginning of a value that is replaced.
package struct HeaderRewrite: Sendable, Hashable {
  package var name: String
  package var prefix: String
  package var value: String
}
