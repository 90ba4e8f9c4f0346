import Policy

/// A forward that was not granted to a connection that goes on with others: its person may want to know why.
package struct RefusedForward: Sendable, Hashable {
  package var connectionID: String
  package var sessionID: String
  /// What was asked for, and why it was refused, in words for its person; printable.
  package var text: String
  package var at: UnixTime

  package init(connectionID: String, sessionID: String, text: String, at: UnixTime) {
    self.connectionID = connectionID
    self.sessionID = sessionID
    self.text = text
    self.at = at
  }

  /// Kept of one connection; the oldest goes first.
  package static let most = 8
}
