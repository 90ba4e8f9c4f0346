import HTTPOracles
import TestSupport
import Testing

/// swift-nio-http2 as the judge: what one takes and the other refuses has a reason, or is a mistake.
@Suite struct HTTP2OracleTests {
  @Test func whatOneTakesTheOtherTakes() throws {
    var generator = SeededGenerator(0x9E37_79B9_7F4A_7C15)
    var accepted = 0
    var refused = 0
    for _ in 0..<500 {
      let situation = HTTP2Situation { Int.random(in: 0..<$0, using: &generator) }
      let (ours, theirs) = try situation.judged()
      if ours == .accepted { accepted += 1 } else { refused += 1 }
      #expect(situation.unexplained(ours, theirs) == nil)
    }
    #expect(accepted > 90)
    #expect(refused > 200)
  }
}
