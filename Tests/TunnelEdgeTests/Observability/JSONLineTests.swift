import Foundation
import Testing

@testable import TunnelEdge

@Suite struct JSONLineTests {
  @Test func fieldsKeepTheirOrderAndTypes() {
    var line = JSONLine()
    line.add("text", "a")
    line.add("number", 42)
    line.add("flag", true)
    line.add("list", ["x", "y"])
    #expect(
      String(decoding: line.finished(), as: UTF8.self)
        == #"{"text":"a","number":42,"flag":true,"list":["x","y"]}"# + "\n")
  }

  @Test(arguments: [
    "plain", "with \"quotes\" and \\", "line\nbreak\r\ttab", "\u{1b}[31mred", "\u{7f}\u{85}", "ümlaut 日本 🙂",
    "\u{202e}reversed\u{2066}", "\u{200b}\u{feff}", "",
  ])
  func everyTextIsReadBackAndPrintsNothingDangerous(_ text: String) throws {
    var line = JSONLine()
    line.add("t", text)
    let bytes = line.finished()
    let read = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: String])
    #expect(read["t"] == text)
    let controls = String(decoding: bytes.dropLast(), as: UTF8.self).unicodeScalars.filter {
      $0.value < 0x20 || (0x7f...0x9f).contains($0.value) || (0x202a...0x202e).contains($0.value)
    }
    #expect(controls.isEmpty)
  }
}
