/// Why a connection was turned away before it could sign in.
package enum GateRefusal: String, Sendable, Hashable, CaseIterable {
  /// `ssh_max_startups`: too many have not proved a key.
  case startups = "too many unauthenticated connections"
  /// `ssh_per_source_max_startups`.
  case sourceStartups = "too many unauthenticated connections of this source"
  /// `ssh_per_source_penalties`.
  case penalty = "penalised source"
  /// A trusted proxy that does not say whom it serves.
  case proxyHeader = "no PROXY header from a trusted proxy"
  /// Had its time and made room for another.
  case madeRoom = "made room for others"
  /// More expensive key exchanges and signatures at once than can wait.
  case cryptography = "too many key exchanges or signatures at once"
  /// `ssh_max_connections_per_user`.
  case person = "too many connections of one person"

  /// The line for a client that has not been greeted yet; sshd's words where it has some.
  var line: String {
    switch self {
    case .penalty: "Not allowed at this time"
    case .proxyHeader: "PROXY protocol header expected"
    case .startups, .sourceStartups, .madeRoom, .cryptography, .person: "Too many connections, try again in a moment"
    }
  }
}

/// What the gate has done since the start, for whoever watches the edge.
package struct GateCounts: Sendable, Equatable {
  package var admitted: UInt64 = 0
  package var refused: [GateRefusal: UInt64] = [:]
  package var misconduct: [Misconduct: UInt64] = [:]
  /// Connections that have not proved a key, now.
  package var waiting = 0
  /// Connections of people who are signed in, now.
  package var signedIn = 0

  package init() {}
}
