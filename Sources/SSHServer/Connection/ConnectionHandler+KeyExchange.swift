import NIOCore
import NIOPosix
import Routing
import SSHProtocol

/// Exchanges that cost milliseconds are computed off the event loop, a bounded number at a time: the client chooses the
/// method, so an attacker does (ssh.md section 6.1).
extension ConnectionHandler {
  func compute(_ work: KeyExchangeWork) {
    guard server.expensiveExchanges.enter() else {
      return end(.tooManyConnections, "Too many key exchanges at once. Try again in a moment.", .connectionLost)
    }
    let server = server
    let handle = handle
    NIOThreadPool.singleton.submit { state in
      defer { server.expensiveExchanges.leave() }
      guard case .active = state else { return }
      do throws(SSHError) {
        let outcome = try work.run()
        handle.perform { handler in
          handler.connection.completeKeyExchange(work, outcome)
          handler.settle()
        }
      } catch {
        handle.perform { $0.fail(error) }
      }
    }
  }
}
