import Policy
import Synchronization

/// A clock that stands still until it is told to move.
package final class TestClock: Sendable {
  private let time: Mutex<UnixTime>

  package init(seconds: Int64 = 1_700_000_000) { time = Mutex(UnixTime(seconds: seconds)) }

  package var now: UnixTime { time.withLock { $0 } }
  package func advance(seconds: Int64) { time.withLock { $0 = $0.adding(seconds: seconds) } }
  package var source: UnixClock { { self.now } }
}
