import EdgeCrypto
import Policy
import Store

/// A token that a person gave to a program: it stands for them on one route, until their session ends or they take it back
/// (security rule 20).
package struct ProgramToken: Sendable, Hashable, Identifiable {
  /// Names it in forms and in the store: the token's hash, which opens nothing.
  package var id: String
  package var sessionID: String
  /// For display.
  package var userName: String
  /// The host it is for; lower case.
  package var host: String
  /// The route it is for (`Route.audience`).
  package var route: String
  /// The origin on the person's machine that it was sent to.
  package var target: String
  /// The address of the browser that approved it.
  package var sourceAddress: String
  package var approvedAt: UnixTime
  package var expiresAt: UnixTime
  /// When an event loop last looked it up; loops remember what they found. `nil`: not since the start of the edge.
  package var lastUsedAt: UnixTime?

  package init(
    id: String, sessionID: String, userName: String, host: String, route: String, target: String,
    sourceAddress: String, approvedAt: UnixTime, expiresAt: UnixTime
  ) {
    self.id = id
    self.sessionID = sessionID
    self.userName = userName
    self.host = host
    self.route = route
    self.target = target
    self.sourceAddress = sourceAddress
    self.approvedAt = approvedAt
    self.expiresAt = expiresAt
  }

  static let maximumPerPerson = 100
  static let kind = RecordKind("program-token")

  static func id(of token: EdgeToken) -> String { Base64.encodeURL(token.hash) }

  var encoded: [UInt8] {
    JSONWriter.bytes(
      .object([
        "session": .string(sessionID), "user_name": .string(userName), "host": .string(host), "route": .string(route),
        "target": .string(target), "source": .string(sourceAddress), "approved_at": .time(approvedAt),
        "expires_at": .time(expiresAt),
      ]))
  }
}

extension ProgramToken {
  init?(_ record: StoredRecord) {
    guard let value = try? JSONReader.parse(record.value), let sessionID = value.text("session"),
      let userName = value.text("user_name"), let host = value.text("host"), let route = value.text("route"),
      let target = value.text("target"), let source = value.text("source"),
      let approvedAt = value.member("approved_at")?.asTime, let expiresAt = value.member("expires_at")?.asTime
    else { return nil }
    self.init(
      id: record.id, sessionID: sessionID, userName: userName, host: host, route: route, target: target,
      sourceAddress: source, approvedAt: approvedAt, expiresAt: expiresAt)
  }
}
