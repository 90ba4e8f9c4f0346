import Testing

@testable import SSHProtocol

/// A sign-in step by step.
extension ConnectionPair {
  /// The service has been asked for; nothing is automatic from here.
  static func askingToSignIn(server: (inout SSHConfiguration) -> Void = { _ in }) -> ConnectionPair {
    let pair = ConnectionPair(server: server)
    pair.automatic = false
    pair.start()
    pair.client.requestService()
    pair.run()
    return pair
  }

  /// Signed in, with a session that the client has opened.
  static func withSession(
    server: (inout SSHConfiguration) -> Void = { _ in }, client: (inout SSHConfiguration) -> Void = { _ in }
  ) throws -> (ConnectionPair, ChannelID) {
    let pair = ConnectionPair(server: server, client: client).start()
    let id = try #require(pair.openByClient(.session))
    pair.run()
    return (pair, id)
  }

  /// Sends a request and lets a failure's delay pass.
  func request(_ method: ClientMethod, user: String = "alice") {
    client.authenticate(username: user, method: method)
    run()
    advance(by: .milliseconds(20))
  }

  /// The last that the server has to decide about.
  var login: ProvenLogin? {
    for event in serverEvents.reversed() {
      if case .login(let login) = event { return login }
    }
    return nil
  }

  /// The methods that each failure left, and whether it was a partial success.
  var failures: [(methods: [String], isPartial: Bool)] {
    clientEvents.compactMap {
      if case .authenticationFailed(let list, let partial) = $0 { (list, partial) } else { nil }
    }
  }

  var prompts: [InteractivePrompt] {
    clientEvents.compactMap { if case .interactivePrompt(let prompt) = $0 { prompt } else { nil } }
  }
}
