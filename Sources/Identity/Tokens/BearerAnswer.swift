/// A visit for which a token is shown.
package struct BearerVisit: Sendable, Hashable {
  /// Lower case, without a port.
  package var host: String
  /// `Route.audience`.
  package var route: String
  /// The visitor's address.
  package var source: String

  package init(host: String, route: String, source: String) {
    self.host = host
    self.route = route
    self.source = source
  }
}

/// Who shows a token.
package enum BearerAnswer: Sendable, Equatable {
  case admitted(Session)
  /// The edge's own, and good for nothing here; the text is for whoever holds it.
  case refused(String)
  /// A signed token that nobody has verified yet: `Identity.admitWorkload` does.
  case unverified
  /// Nothing the edge could know.
  case notOurs
}

extension Identity {
  /// Who shows this token on this route; memory only.
  package func bearer(_ text: String, for visit: BearerVisit) -> BearerAnswer {
    if EdgeToken.isOurs(text) {
      guard let token = EdgeToken(text) else { return .refused("The token is incomplete.") }
      switch token.kind {
      case .login: return programToken(token, visit)
      case .account:
        return serviceAccounts.visit(
          tokenHash: token.hash, host: visit.host, source: visit.source, at: clock())
      }
    }
    if let session = workloadSession(text, host: visit.host, source: visit.source) { return .admitted(session) }
    return acceptsWorkloads && Self.isSigned(text) ? .unverified : .notOurs
  }

  /// Three parts, as a signed token has (RFC 7515 section 3.1).
  private static func isSigned(_ text: String) -> Bool {
    var dots = 0
    for byte in text.utf8 where byte == UInt8(ascii: ".") { dots += 1 }
    return dots == 2
  }

  /// The same words for a token of another route and for one that never was: neither is good for anything here.
  private func programToken(_ token: EdgeToken, _ visit: BearerVisit) -> BearerAnswer {
    guard let (record, session) = tokenDirectory.use(token), record.host == visit.host, record.route == visit.route
    else { return .refused("The token is not one for this route, has expired, or was revoked.") }
    return .admitted(session)
  }
}
