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
    "\u{61c}\u{ad}\u{180e}", "\u{2060}\u{2064}\u{206a}", "\u{fff9}x\u{fffb}", "tag \u{e0041}\u{1d173}",
  ])
  func everyTextIsReadBackAndPrintsNothingDangerous(_ text: String) throws {
    var line = JSONLine()
    line.add("t", text)
    let bytes = line.finished()
    let read = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: String])
    #expect(read["t"] == text)
    let dangerous = String(decoding: bytes.dropLast(), as: UTF8.self).unicodeScalars.filter {
      [.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
    }
    #expect(dangerous.isEmpty)
  }
}
