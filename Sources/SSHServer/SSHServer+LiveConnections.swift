import NIOCore
import Policy
import Routing
import SSHProtocol

/// What people see and end of their own connections.
extension SSHServer: LiveConnections {
  package func connections(of person: Subject) async -> [LiveConnection] {
    let futures = own(person).map { connection in
      let promise = connection.eventLoop.makePromise(of: LiveConnection?.self)
      connection.perform({ promise.succeed($0.shown) }, whenGone: { promise.succeed(nil) })
      return promise.futureResult
    }
    var shown: [LiveConnection] = []
    for future in futures {
      if let connection = try? await future.get() { shown.append(connection) }
    }
    return shown.sorted { ($0.since, $0.id) < ($1.since, $1.id) }
  }

  package func end(connection id: String, of person: Subject) async -> Bool {
    guard let connection = own(person).first(where: { $0.id == id }) else { return false }
    let promise = connection.eventLoop.makePromise(of: Bool.self)
    connection.perform(
      { handler in
        handler.end(
          .byApplication, "You ended this connection on your page at the edge.", .disconnected, streams: .rightEnded)
        promise.succeed(true)
      }, whenGone: { promise.succeed(false) })
    return (try? await promise.futureResult.get()) ?? false
  }

  /// Found without a visit to any loop.
  private func own(_ person: Subject) -> [ConnectionHandle] {
    live.filter { $0.signedIn?.person.isSamePerson(as: person) == true }
  }
}

extension ConnectionHandler {
  /// `nil` until somebody is signed in, and when it is over.
  fileprivate var shown: LiveConnection? {
    guard case .open(let publisher) = phase, let signedIn = handle.signedIn else { return nil }
    return LiveConnection(
      id: handle.id, sessionID: publisher.subject.sessionID, keyFingerprint: publisher.key.fingerprint,
      sourceAddress: source.address, clientVersion: clientVersion, since: signedIn.at, shells: sessions.count)
  }
}
