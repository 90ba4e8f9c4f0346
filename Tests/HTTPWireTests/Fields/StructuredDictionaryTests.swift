import TestSupport
import TestSupport
import Testing

@testable import HTTPWire

@Suite struct StructuredDictionaryTests {
  /// The members in words; nil where the field is no dictionary.
  private func read(_ text: String) -> [String]? {
    let bytes = [0x2C] + Array(text.utf8)
    let field = bytes[1...]
    var members = StructuredDictionary(field)
    var all: [String] = []
    do throws(StructuredDictionary.Malformed) {
      while let (key, value) = try members.next() {
        all.append("\(String(decoding: field[key], as: UTF8.self)) \(value)")
      }
    } catch {
      return nil
    }
    return all
  }

  @Test func membersAreToldInOrder() {
    #expect(read("") == [])
    #expect(read("  ") == [])
    #expect(read("u=5, i") == ["u integer(5)", "i boolean(true)"])
    #expect(read(" u=-15 \t,\t i=?0 ") == ["u integer(-15)", "i boolean(false)"])
    #expect(read("a;x=1;y=\"b\", c=2;z") == ["a boolean(true)", "c integer(2)"])
    #expect(read("u=3,u=4") == ["u integer(3)", "u integer(4)"])
    #expect(read("*a.b-c_d1*=999999999999999") == ["*a.b-c_d1* integer(999999999999999)"])
  }

  @Test(arguments: [
    "1.5", "-123456789012.123", "\"a,\\\"u=1\\\\\"", "to/k:en", "*x", ":aGk=:", "::", "@-12", "%\"f%c3%bc,u=0\"", "()",
    "( a \"b,c\";q=1 2 );w", "\"\"",
  ]) func whatIsNotAskedForIsPassedOver(_ value: String) {
    #expect(read("a=\(value), u=1") == ["a other", "u integer(1)"])
  }

  @Test(arguments: [
    "u=", "u=5,", ",u=5", "u=5 i", "U=5", "1=2", "=1", "u==1", "u=5,,i", "u=1.", "u=1.2345", "u=1234567890123456",
    "u=-",
    "u=1234567890123.1", "u=\"a", "u=\"\\a\"", "u=\"\u{7F}\"", "u=:a", "u=:!:", "u=?2", "u=?", "u=@", "u=@1.5",
    "u=%\"%C3\"", "u=%\"%c\"",
    "u=%a", "u=(", "u=(a", "u=(a\"b\")", "u=(a,b)", "u=5;", "u=5;=1", "u=5;A", "u=5\n", "u=5;q=", "u =5", "u= 5",
    "\tu=5", "u=é", "a=()b",
  ]) func whatIsNoDictionaryIsRefused(_ field: String) {
    #expect(read(field) == nil)
  }

  /// Whatever it is cut to, and whatever stands in it.
  @Test func nothingTraps() {
    var generator = SeededGenerator(9218)
    let letters = Array("ui=,;?01 9.-\"\\:@%(ac)*\t\n\u{7F}".utf8)
    for _ in 0..<2000 {
      let count = Int.random(in: 0..<24, using: &generator)
      let bytes = (0..<count).map { _ in letters.randomElement(using: &generator) ?? 0 }
      var members = StructuredDictionary(bytes[...])
      var read = 0
      do throws(StructuredDictionary.Malformed) {
        while try members.next() != nil { read += 1 }
      } catch {
        // As good as any other end.
      }
      #expect(read <= count)
      var priority = HTTP2Priority()
      priority.apply(bytes[...])
      #expect(priority.urgency <= 7)
    }
  }
}
