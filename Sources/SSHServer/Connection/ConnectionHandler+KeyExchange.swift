import Routing
import SSHProtocol

/// Exchanges that cost milliseconds are computed elsewhere.
extension ConnectionHandler {
  func compute(_ work: KeyExchangeWork) {
    let isAccepted = server.keyExchanges.compute(work, isSignedIn: publisher != nil, for: handle) { handler, result in
      switch result {
      case .success(let outcome):
        handler.connection.completeKeyExchange(work, outcome)
        handler.tellOfKeyExchange()
        handler.settle()
      case .failure(let error): handler.fail(error)
      }
    }
    guard !isAccepted else { return }
    logRefusal(.keyExchanges)
    isForgiven = true
    end(.tooManyConnections, "Too many key exchanges at once. Try again in a moment.", .connectionLost)
  }

  /// RSA host keys sign as slowly as the dear exchanges compute.
  func prove(_ work: HostKeyProofWork) {
    server.keyExchanges.prove(work, for: handle) { handler, result in
      switch result {
      case .success(let outcome):
        handler.connection.completeHostKeyProofs(work, outcome)
        handler.settle()
      case .failure(let error): handler.fail(error)
      }
    }
  }
}
