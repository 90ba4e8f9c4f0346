import Synchronization

/// How the wait for the browser ended, or what it needs.
package enum SSHSignInOutcome: Sendable, Hashable {
  case approved(Session, KeyBinding)
  /// Prompt for the six digits that the page shows, and give them to `confirm`.
  case confirmInTerminal
  case denied
  case expired
  /// Its place was needed for others and nobody had opened the link.
  case evicted
  /// It could not be granted; a sentence for the terminal.
  case refused(String)
  /// This connection hung up, or the waiting task was cancelled.
  case abandoned

  var isFinal: Bool { self != .confirmInTerminal }
}

/// What came of typed digits.
package enum SSHConfirmation: Sendable, Hashable {
  case approved(Session, KeyBinding)
  case wrong(triesLeft: Int)
  case failed(SSHSignInOutcome)
}

/// One connection's wait for its person's browser. Several connections of one key share a code; each has its own of
/// these, and the code dies when the last of them hangs up or is forgotten.
package final class SSHSignIn: Sendable {
  package let code: String
  /// The page to open.
  package let url: String
  /// The value of `idp_provider`.
  package let provider: String
  private let waiter: SSHSignInWaiter
  private let desk: any SSHSignInDesk

  init(code: String, url: String, provider: String, waiter: SSHSignInWaiter, desk: any SSHSignInDesk) {
    self.code = code
    self.url = url
    self.provider = provider
    self.waiter = waiter
    self.desk = desk
  }

  deinit { desk.leave(code: code, waiter) }

  /// Waits for the browser. After `.confirmInTerminal` it may be called again, to wait for the end.
  package func outcome() async -> SSHSignInOutcome { await waiter.next() }

  package func confirm(digits: String) async -> SSHConfirmation { await desk.confirm(code: code, digits: digits) }

  package func hangUp() {
    waiter.deliver(.abandoned)
    desk.leave(code: code, waiter)
  }
}

/// What a waiting connection asks of the identity it waits for.
protocol SSHSignInDesk: AnyObject, Sendable {
  func leave(code: String, _ waiter: SSHSignInWaiter)
  func confirm(code: String, digits: String) async -> SSHConfirmation
}

/// Carries outcomes from whoever decides to the connection that waits.
final class SSHSignInWaiter: Sendable {
  private struct State {
    var final: SSHSignInOutcome?
    var mustConfirm = false
    var continuation: CheckedContinuation<SSHSignInOutcome, Never>?
  }

  private let state = Mutex(State())

  func deliver(_ outcome: SSHSignInOutcome) {
    let continuation: CheckedContinuation<SSHSignInOutcome, Never>? = state.withLock { state in
      guard state.final == nil else { return nil }
      if outcome.isFinal { state.final = outcome }
      defer { state.continuation = nil }
      if state.continuation == nil, !outcome.isFinal { state.mustConfirm = true }
      return state.continuation
    }
    continuation?.resume(returning: outcome)
  }

  func next() async -> SSHSignInOutcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (now, replaced) = state.withLock {
          state -> (SSHSignInOutcome?, CheckedContinuation<SSHSignInOutcome, Never>?) in
          if let final = state.final { return (final, nil) }
          if state.mustConfirm {
            state.mustConfirm = false
            return (.confirmInTerminal, nil)
          }
          if Task.isCancelled { return (.abandoned, nil) }
          defer { state.continuation = continuation }
          return (nil, state.continuation)
        }
        replaced?.resume(returning: .abandoned)
        if let now { continuation.resume(returning: now) }
      }
    } onCancel: {
      let continuation = state.withLock { state in
        defer { state.continuation = nil }
        return state.continuation
      }
      continuation?.resume(returning: .abandoned)
    }
  }
}
