import Testing

@testable import Policy

@Suite struct CivilTimeTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (1_770_091_506_007, "2026-02-03T04:05:06.007Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
    (Int64.max, "9999-12-31T23:59:59.999Z"), (Int64.min, "0001-01-01T00:00:00.000Z"),
  ])
  func momentsAreShownInUTC(_ milliseconds: Int64, _ text: String) {
    #expect(CivilTime(UnixTime(milliseconds: milliseconds)).preciseText == text)
  }

  @Test func secondsRoundDownAndSaturate() {
    #expect(UnixTime(milliseconds: -1).seconds == -1)
    #expect(UnixTime(milliseconds: -1000).seconds == -1)
    #expect(UnixTime(milliseconds: .min).seconds < 0)
    #expect(UnixTime(seconds: .max).adding(seconds: 1).milliseconds == .max)
  }
}
