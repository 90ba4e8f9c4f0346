import Identity

/// Who answers for the edge itself: our own pages, and the refusals admission needs at once.
package protocol PageSource: Sendable {
  /// `/.pomerium/…`, `/.well-known/pomerium…`, and on the authenticate host everything.
  func respond(to request: OwnRequest) async -> OwnResponse
  /// Nobody is signed in: a redirect for navigations, 401 for everything else.
  func unauthenticated(_ request: OwnRequest) -> OwnResponse
  func refusal(_ refusal: VisitorRefusal, _ request: OwnRequest, session: Session?) -> OwnResponse
}
