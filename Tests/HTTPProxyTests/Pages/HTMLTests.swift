import Policy
import Testing

@testable import HTTPProxy

@Suite struct HTMLTests {
  @Test func textIsEscapedAndMarkupIsNot() {
    let text = "<a href=\"x\" title='y'>&"
    let html: HTML = "<p>\(text)</p>\(["<i>\(text)</i>", "<b></b>"] as [HTML])"
    let escaped = "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;"
    #expect(html.source == "<p>\(escaped)</p><i>\(escaped)</i><b></b>")
  }

  @Test(arguments: [true]) func literalsInsideAnInterpolationAreMarkup(isThere: Bool) {
    let html: HTML = "\(isThere ? "<b>" : "")"
    #expect(html.source == "<b>")
  }

  @Test func whatHidesOrReordersIsMadeVisible() {
    let html: HTML = "\("a\u{202E}b\u{0}c\u{200B}" as String)"
    #expect(html.source == "a\\u{202e}b\\u{0}c\\u{200b}")
  }

  @Test func longTextIsCutAndAddressesAreNot() {
    let long = String(repeating: "x", count: 3000)
    let text: HTML = "\(long)"
    let url: HTML = "\(url: long)"
    #expect(text.source.count < 600)
    #expect(url.source.count == 3000)
  }

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
