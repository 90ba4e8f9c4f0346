import NIOCore
import NIOPosix
import Policy
import SSHProtocol
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Computes what costs too much for an event loop: key exchanges (the client chooses the method, so an attacker does: DHEat,
/// CVE-2002-20001; ssh.md section 6.1), and the check of users' signatures with RSA and the large curves.
///
/// A few threads of low priority, so that whoever asks for much computing takes it from others who ask for computing and
/// not from tunnels. Sources take turns, and so do people who are signed in and those who are not; the queue has an end,
/// where whoever has most waiting gives way; and what nobody waits for any more is not computed.
final class CryptographyPool: Sendable {
  /// As many as there are cores; more would only take turns.
  static let threads = max(1, System.coreCount)
  /// Pieces of work of clients that have not signed in, computed or waiting. At the dearest method 256 are about a second.
  static let mostUnproved = 256
  /// Among threads that want to run, these get about a tenth of an event loop's share.
  private static let niceness: CInt = 10

  /// For whom something is computed.
  struct Applicant: Sendable {
    let connection: ConnectionHandle
    /// Nil where sources do not count; then every connection is one of its own.
    let source: SourceBlock?
    let isSignedIn: Bool
  }

  private enum Source: Hashable {
    case block(SourceBlock)
    case connection(String)
  }

  private struct Job: Sendable {
    let applicant: Applicant
    let run: @Sendable () -> Void
    let refuse: @Sendable () -> Void
  }

  private struct State {
    var unproved = FairQueue<Source, Job>()
    var signedIn = FairQueue<Source, Job>()
    /// Being computed for clients that have not signed in.
    var computing = 0
    var isTurnOfSignedIn = true

    mutating func next() -> Job? {
      let job = isTurnOfSignedIn ? signedIn.next() ?? unproved.next() : unproved.next() ?? signedIn.next()
      isTurnOfSignedIn.toggle()
      if job?.applicant.isSignedIn == false { computing += 1 }
      return job
    }
  }

  private let pool = NIOThreadPool(numberOfThreads: threads)
  private let state = Mutex(State())

  /// Work of clients that have not signed in, computed or waiting, now.
  var unprovedCount: Int { state.withLock { $0.unproved.count + $0.computing } }

  func start() { pool.start() }
  func stop() async { try? await pool.shutdownGracefully() }

  /// `completion` follows on the connection's loop, or `refused` when there is no room. Work for people who are signed in is
  /// as much as they have connections at most, and has no other bound: a flood at the door ends no tunnel that renews its
  /// keys.
  func compute<Outcome: Sendable>(
    for applicant: Applicant, _ work: @escaping @Sendable () throws(SSHError) -> Outcome,
    completion: @escaping @Sendable (ConnectionHandler, Result<Outcome, SSHError>) -> Void,
    refused: @escaping @Sendable (ConnectionHandler) -> Void
  ) {
    let connection = applicant.connection
    let job = Job(
      applicant: applicant,
      run: {
        let result: Result<Outcome, SSHError>
        do throws(SSHError) {
          result = .success(try work())
        } catch {
          result = .failure(error)
        }
        connection.perform { completion($0, result) }
      }, refuse: { connection.perform(refused) })
    let source = applicant.source.map(Source.block) ?? .connection(connection.id)
    let turnedAway: Job? = state.withLock { state in
      if applicant.isSignedIn {
        state.signedIn.append(job, of: source)
        return nil
      }
      if state.unproved.count + state.computing >= Self.mostUnproved {
        guard let other = state.unproved.giveWay(to: source) else { return job }
        state.unproved.append(job, of: source)
        return other
      }
      state.unproved.append(job, of: source)
      return nil
    }
    // Whose place was taken leaves its thread's turn to whoever took it.
    if let turnedAway { return turnedAway.refuse() }
    pool.submit { [self] itemState in computeNext(isActive: itemState == .active) }
  }

  private func computeNext(isActive: Bool) {
    guard let job = state.withLock({ $0.next() }) else { return }
    if isActive, !job.applicant.connection.isGone {
      // PRIO_PROCESS, which on Linux means this one thread.
      _ = setpriority(0, 0, Self.niceness)
      job.run()
    }
    if !job.applicant.isSignedIn { state.withLock { $0.computing -= 1 } }
  }
}
