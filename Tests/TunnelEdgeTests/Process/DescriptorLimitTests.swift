import Testing

@testable import TunnelEdge

@Suite struct DescriptorLimitTests {
  @Test func theLimitIsRaisedAndStays() {
    let limit = DescriptorLimit.raise()
    #expect(limit >= 256)
    #expect(DescriptorLimit.raise() == limit)
  }

  @Test func visitorsLeaveRoomForOthers() {
    #expect(DescriptorLimit.forVisitors(of: 1024) == 768)
    #expect(DescriptorLimit.forVisitors(of: .max) < .max)
  }
}
