import PlainText
import Testing

struct JSONTextTests {
  @Test func whatItSaysIsPrintableASCII() {
    let value = JSONText.object([
      ("a\"", .string("x\u{1B}\n\\é😀")), ("n", .list([.integer(-7), .bool(true), .bool(false)])), ("o", .object([])),
      ("html", .string("</script>\u{2028}\u{7F}")),
    ])
    #expect(
      value.text == """
        {"a\\"":"x\\u001b\\u000a\\\\\\u00e9\\ud83d\\ude00","n":[-7,true,false],"o":{},\
        "html":"\\u003c/script>\\u2028\\u007f"}
        """)
  }

  @Test func countsAreClamped() {
    #expect(JSONText.count(UInt64.max).text == "9223372036854775807")
    #expect(JSONText.list([.count(3), .strings("a", "b"), .list([])]).text == #"[3,["a","b"],[]]"#)
  }
}
