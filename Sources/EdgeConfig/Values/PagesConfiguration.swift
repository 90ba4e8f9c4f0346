/// What the administrator says on the edge's own pages.
package struct PagesConfiguration: Sendable, Equatable {
  /// `error_pages`: texts by `403` or `5xx`.
  package var errorPages: [String: String]
  /// `contact`: whom people may turn to.
  package var contact: String?
}
