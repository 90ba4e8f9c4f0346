import Routing
import SSHProtocol

/// What costs too much for an event loop is computed elsewhere.
extension ConnectionHandler {
  func compute(_ work: KeyExchangeWork) {
    server.cryptography.compute(for: applicant) { () throws(SSHError) in
      try work.run()
    } completion: { handler, result in
      switch result {
      case .success(let outcome):
        handler.connection.completeKeyExchange(work, outcome)
        handler.tellOfKeyExchange()
        handler.settle()
      case .failure(let error): handler.fail(error)
      }
    } refused: { handler in
      handler.findsNoRoom("Too many key exchanges at once. Try again in a moment.")
    }
  }

  /// RSA host keys sign as slowly as the dear exchanges compute. Only people who are signed in may ask for proofs, a time or
  /// two on each connection.
  func prove(_ work: HostKeyProofWork) {
    server.cryptography.compute(for: applicant) { () throws(SSHError) in
      try work.run()
    } completion: { handler, result in
      switch result {
      case .success(let outcome):
        handler.connection.completeHostKeyProofs(work, outcome)
        handler.settle()
      case .failure(let error): handler.fail(error)
      }
    } refused: { handler in
      handler.findsNoRoom("Too many signatures at once. Try again in a moment.")
    }
  }

  /// Nothing more is read meanwhile: the machine takes the client's next message when this is done.
  func check(_ work: SignatureWork) {
    hold(.signature, true)
    server.cryptography.compute(for: applicant) { () throws(SSHError) in
      work.run()
    } completion: { handler, result in
      handler.hold(.signature, false)
      switch result {
      case .success(let outcome):
        handler.connection.completeSignature(work, outcome)
        handler.settle()
      case .failure(let error): handler.fail(error)
      }
    } refused: { handler in
      handler.findsNoRoom("Too many signatures at once. Try again in a moment.")
    }
  }

  private var applicant: CryptographyPool.Applicant {
    CryptographyPool.Applicant(connection: handle, source: ticket.source, isSignedIn: publisher != nil)
  }

  private func findsNoRoom(_ text: String) {
    logRefusal(.cryptography)
    isForgiven = true
    end(.tooManyConnections, text, .connectionLost)
  }
}
