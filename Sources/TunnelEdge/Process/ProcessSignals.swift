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

package enum ProcessSignals {
  /// Ends this process as TERM would.
  package static func stopSelf() { kill(getpid(), SIGTERM) }

  /// Takes the signals over from the system's default action, for the life of the process.
  package static func stream() -> AsyncStream<EdgeSignal> {
    // A peer that closes early must not end the process.
    signal(SIGPIPE, SIG_IGN)
    let (stream, continuation) = AsyncStream.makeStream(of: EdgeSignal.self, bufferingPolicy: .bufferingNewest(16))
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
    return stream
  }
}
