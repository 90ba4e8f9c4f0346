import Policy

/// An ssh connection as its person sees it on their own page.
package struct LiveConnection: Sendable, Identifiable {
  /// The one that the bindings of its tunnels name.
  package let id: String
  package let sessionID: String
  package let keyFingerprint: String
  /// Without a port.
  package let sourceAddress: String
  /// The client's identification line, printable.
  package let clientVersion: String
  package let since: UnixTime
  /// Session channels: shells, commands, status screens.
  package let shells: Int

  package init(
    id: String, sessionID: String, keyFingerprint: String, sourceAddress: String, clientVersion: String,
    since: UnixTime, shells: Int
  ) {
    self.id = id
    self.sessionID = sessionID
    self.keyFingerprint = keyFingerprint
    self.sourceAddress = sourceAddress
    self.clientVersion = clientVersion
    self.since = since
    self.shells = shells
  }
}

/// The ssh connections that live now, for the pages of the people they belong to.
package protocol LiveConnections: Sendable {
  /// Those of one person, the oldest first.
  func connections(of person: Subject) async -> [LiveConnection]
  /// Disconnects one of them with a text that says why. False: this person has no such connection.
  func end(connection id: String, of person: Subject) async -> Bool
}
