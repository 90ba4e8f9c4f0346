import NIOCore
import Testing

@testable import HTTPProxy

@Suite struct ServicePulseTests {
  @Test func aDoubtLastsUntilASign() {
    var pulse = ServicePulse()
    let start = NIODeadline.now()
    #expect(pulse.doubt(start) && !pulse.doubt(start) && pulse.isDoubted)
    #expect(pulse.look(start + .seconds(14), isBusy: false) == .fine)
    pulse.heard(start + .seconds(14))
    #expect(!pulse.isDoubted)
    #expect(pulse.look(start + .seconds(20), isBusy: true) == .fine)
    #expect(pulse.look(start + .seconds(30), isBusy: true) == .ask)
    #expect(pulse.look(start + .seconds(31), isBusy: true) == .fine)
    #expect(pulse.look(start + .seconds(46), isBusy: true) == .silent)
    // Nothing is under way: nothing is missed.
    #expect(pulse.look(start + .seconds(46), isBusy: false) == .fine)
  }
}
