import Policy
import Testing

@testable import HTTPProxy

@Suite struct PageTimeTests {
  @Test func momentsReadAsDates() {
    #expect(PageTime.iso(UnixTime(seconds: 0)) == "1970-01-01T00:00:00Z")
    #expect(PageTime.iso(UnixTime(seconds: 1_709_210_096)) == "2024-02-29T12:34:56Z")
    #expect(PageTime.text(UnixTime(seconds: 1_795_270_000)) == "21 Nov 2026, 14:06 UTC")
    #expect(PageTime.iso(UnixTime(milliseconds: .max)).hasPrefix("9999-"))
    #expect(PageTime.iso(UnixTime(seconds: -100_000_000_000)).hasPrefix("0001-01-01"))
    #expect(PageTime.duration(seconds: 60) == "60 seconds")
    #expect(PageTime.duration(seconds: 900) == "15 minutes")
    #expect(PageTime.duration(seconds: 3 * 3600) == "3 hours")
  }
}
