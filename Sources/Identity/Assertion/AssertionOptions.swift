/// What a route says of its assertion, where it says anything.
package struct AssertionOptions: Sendable, Hashable {
  /// Only these groups, instead of `IdentityConfiguration.groupsFilter`.
  package var groups: Set<String>?
  /// Instead of `IdentityConfiguration.issuerIsURI`.
  package var issuerIsURI: Bool?

  package init(groups: Set<String>? = nil, issuerIsURI: Bool? = nil) {
    self.groups = groups
    self.issuerIsURI = issuerIsURI
  }
}
