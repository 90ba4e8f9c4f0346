import NIOCore
import NIOPosix
import SSHProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Computes key exchanges that cost milliseconds, off the event loops: the client chooses the method, so an attacker does
/// (DHEat, CVE-2002-20001; ssh.md section 6.1).
///
/// A few threads of low priority, so that whoever asks for much computing takes it from others who ask for computing and
/// not from tunnels; a queue with an end; and what nobody waits for any more is not computed.
final class KeyExchangePool: Sendable {
  /// As many as there are cores; more would only take turns.
  static let threads = max(1, System.coreCount)
  /// Exchanges of clients that have not signed in, computed or waiting. At the dearest method 256 are about a second.
  static let mostUnproved = 256
  /// Among threads that want to run, these get about a tenth of an event loop's share.
  private static let niceness: CInt = 10

  private let pool = NIOThreadPool(numberOfThreads: threads)
  private let unproved = WorkBudget(most: mostUnproved)

  /// Exchanges of clients that have not signed in, computed or waiting, now.
  var unprovedCount: Int { unproved.current }

  func start() { pool.start() }
  func stop() async { try? await pool.shutdownGracefully() }

  /// False: there is no room for it. Exchanges of people who are signed in are as many as their connections at most, and
  /// have no other bound: a flood at the door ends no tunnel that renews its keys.
  func compute(
    _ work: KeyExchangeWork, isSignedIn: Bool, for connection: ConnectionHandle,
    completion: @escaping @Sendable (ConnectionHandler, Result<KeyExchangeWork.Outcome, SSHError>) -> Void
  ) -> Bool {
    guard isSignedIn || unproved.enter() else { return false }
    let unproved = unproved
    submit(for: connection, { () throws(SSHError) in try work.run() }, completion: completion) {
      if !isSignedIn { unproved.leave() }
    }
    return true
  }

  /// Only people who are signed in may ask for proofs, a time or two on each connection.
  func prove(
    _ work: HostKeyProofWork, for connection: ConnectionHandle,
    completion: @escaping @Sendable (ConnectionHandler, Result<HostKeyProofWork.Outcome, SSHError>) -> Void
  ) {
    submit(for: connection, { () throws(SSHError) in try work.run() }, completion: completion) {}
  }

  private func submit<Outcome: Sendable>(
    for connection: ConnectionHandle, _ compute: @escaping @Sendable () throws(SSHError) -> Outcome,
    completion: @escaping @Sendable (ConnectionHandler, Result<Outcome, SSHError>) -> Void,
    whenDone: @escaping @Sendable () -> Void
  ) {
    pool.submit { state in
      defer { whenDone() }
      guard case .active = state, !connection.isGone else { return }
      // PRIO_PROCESS, which on Linux means this one thread.
      _ = setpriority(0, 0, Self.niceness)
      let result: Result<Outcome, SSHError>
      do throws(SSHError) {
        result = .success(try compute())
      } catch {
        result = .failure(error)
      }
      connection.perform { completion($0, result) }
    }
  }
}
