import PlainText
import Testing

struct PrintableTextTests {
  @Test(arguments: [
    ("plain text", "plain text"), ("tab\there", "tab\\u{9}here"), ("\u{1B}[2J", "\\u{1b}[2J"),
    ("a\u{202E}b", "a\\u{202e}b"), ("z\u{200B}w", "z\\u{200b}w"), ("\u{7F}\u{9B}", "\\u{7f}\\u{9b}"),
    ("Grüße ✓", "Grüße ✓"), ("\r\n", "\\u{d}\\u{a}"), ("a\u{E0041}", "a\\u{e0041}"), ("\u{FEFF}x", "\\u{feff}x"),
  ])
  func whatCouldMoveACursorOrHideIsSpelled(_ text: String, _ shown: String) {
    #expect(text.printable() == shown)
    #expect(Array(text.utf8).printable() == shown)
  }

  @Test func lengthIsCapped() {
    #expect(String(repeating: "x", count: 1000).printable(limit: 10) == "xxxxxxxxxx...")
    #expect(String(repeating: "\u{1B}", count: 1000).printable(limit: 100).utf8.count < 120)
    #expect([UInt8](repeating: 0x78, count: 100_000).printable(limit: 3) == "xxx...")
    #expect("x".printable(limit: 0) == "..." && [UInt8]().printable(limit: 0).isEmpty)
  }

  @Test func bytesThatAreNoTextAreShownAllTheSame() {
    #expect([0x61, 0xFF, 0x1B].printable() == "a\u{FFFD}\\u{1b}")
  }
}
