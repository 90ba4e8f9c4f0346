import Dispatch
import Glibc

/// The signals the edge listens to, as a stream of values.
package enum EdgeSignal: Sendable {
  /// HUP: read the configuration again.
  case reload
  /// TERM or INT: finish what was started, then end.
  case stop
  /// USR1: open the log files again.
  case reopenLogs
}

package struct ProcessSignals: Sendable {
  /// The signals as they come; ends after `finish()`.
  package let events: AsyncStream<EdgeSignal>
  private let continuation: AsyncStream<EdgeSignal>.Continuation

  /// Ends this process as TERM would.
  package static func stopSelf() { kill(getpid(), SIGTERM) }

  /// Takes the signals over from the system's default action, for the life of the process.
  package init() {
    // A peer that closes early must not end the process.
    signal(SIGPIPE, SIG_IGN)
    let (events, continuation) = AsyncStream.makeStream(of: EdgeSignal.self, bufferingPolicy: .bufferingNewest(16))
    let queue = DispatchQueue(label: "signals")
    let sources = [(SIGHUP, EdgeSignal.reload), (SIGTERM, .stop), (SIGINT, .stop), (SIGUSR1, .reopenLogs)].map {
      number, value in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { continuation.yield(value) }
      source.activate()
      return source
    }
    // Only kept alive and cancelled: DispatchSource.cancel() may be called from any thread (libdispatch), and nothing else
    // touches them once they are active.
    nonisolated(unsafe) let kept = sources
    continuation.onTermination = { _ in
      for source in unsafe kept { source.cancel() }
    }
    self.events = events
    self.continuation = continuation
  }

  package func finish() { continuation.finish() }
}
