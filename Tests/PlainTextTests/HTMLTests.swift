import PlainText
import Testing

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
}
