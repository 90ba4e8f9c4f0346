import Policy
import Testing

@testable import Identity

@Suite struct RefusalWatchTests {
  private let start = UnixTime(seconds: 1_800_000_000)

  private func after(_ seconds: Int64) -> UnixTime { start.adding(seconds: seconds) }

  @Test func whoIsRefusedAloneIsKnownForTenMinutes() {
    var watch = RefusalWatch()
    func ask(_ watch: inout RefusalWatch, _ seconds: Int64) -> RefusalWatch.Verdict {
      watch.refuse("ann", since: start, refusedSince: after(480), at: after(seconds))
    }
    #expect(ask(&watch, 480) == .serves(until: after(600)))
    #expect(ask(&watch, 599) == .serves(until: after(600)))
    #expect(ask(&watch, 600) == .tooOld)
  }

  @Test func whereOthersAreRefusedTooItIsAnHour() {
    var watch = RefusalWatch()
    #expect(watch.refuse("bob", since: start, refusedSince: after(500), at: after(500)) == .serves(until: after(600)))
    #expect(watch.refuse("ann", since: start, refusedSince: after(600), at: after(600)) == .serves(until: after(3600)))
    #expect(watch.refuse("bob", since: start, refusedSince: after(500), at: after(660)) == .serves(until: after(3600)))
    #expect(watch.refuse("bob", since: start, refusedSince: after(500), at: after(3600)) == .tooOld)
  }

  /// Two who use up what they may ask keep each other in no longer than it takes to see that others are answered.
  @Test func whoIsRefusedWhileOthersAreAnsweredIsRefusedAlone() {
    var watch = RefusalWatch()
    _ = watch.refuse("bob", since: start, refusedSince: after(480), at: after(480))
    watch.confirm("cleo", at: after(590))
    #expect(watch.refuse("ann", since: start, refusedSince: after(500), at: after(600)) == .tooOld)
    // What was before somebody was refused says nothing of now.
    #expect(watch.refuse("ann", since: start, refusedSince: after(595), at: after(601)) == .serves(until: after(3600)))
    // Nor does one's own other session.
    watch.confirm("ann", at: after(700))
    watch.confirm("ann", at: after(701))
    #expect(watch.refuse("ann", since: start, refusedSince: after(650), at: after(702)) == .serves(until: after(3600)))
  }

  @Test func oldRefusalsOfOthersSayNothing() {
    var watch = RefusalWatch()
    _ = watch.refuse("bob", since: start, refusedSince: start, at: start)
    #expect(watch.refuse("ann", since: after(100), refusedSince: after(650), at: after(700)) == .tooOld)
  }

  /// After an outage, of the provider or of the edge, what is known of everybody is old, and all are asked about at once.
  @Test func theFirstRefusalAfterAnOutageEndsNothing() {
    var watch = RefusalWatch()
    func ask(_ seconds: Int64) -> RefusalWatch.Verdict {
      watch.refuse("ann", since: start, refusedSince: after(9000), at: after(seconds))
    }
    #expect(ask(9000) == .serves(until: after(9120)))
    watch.confirm("bob", at: after(9060))
    #expect(ask(9119) == .serves(until: after(9120)))
    #expect(ask(9120) == .tooOld)
  }
}
