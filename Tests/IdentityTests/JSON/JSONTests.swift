import Policy
import Testing

@testable import Identity

@Suite struct JSONTests {
  func parse(_ text: String) throws -> ClaimValue { try JSONReader.parse(Array(text.utf8)) }

  @Test func readsEveryKindOfValue() throws {
    let value = try parse(
      #" {"a":[1,-0.5,1e3,2E-2,0],"b":{"c":null},"d":true,"e":false,"f":"x\n\u00e9\ud83d\ude00\/"} "#)
    #expect(
      value
        == .object([
          "a": .list([.number(1), .number(-0.5), .number(1000), .number(0.02), .number(0)]),
          "b": .object(["c": .null]), "d": .bool(true), "e": .bool(false), "f": .string("x\né😀/"),
        ]))
    #expect(try parse("[]") == .list([]))
    #expect(try parse("1e30") == .number(1e30))
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1,]", "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1,"a":2}"#, "01", "1.", ".5", "+1",
    "1e", "-", "NaN", "Infinity", "1e999", "tru", "nulll", "'a'", "\"a", "\"\u{1}\"", #""\x""#, #""\u12""#,
    #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "1 2", "{}x", "/**/1",
  ]) func refuses(_ text: String) {
    #expect(throws: JSONFault.self) { try parse(text) }
  }

  @Test func refusesBrokenUTF8AndDeepNesting() {
    #expect(throws: JSONFault.self) { try JSONReader.parse([0x22, 0xc3, 0x22]) }
    #expect(throws: JSONFault.self) { try JSONReader.parse([UInt8](repeating: 0x5b, count: 1_000_000)) }
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(throws: Never.self) { try parse(deep) }
  }

  @Test func survivesEveryPrefixOfADocument() throws {
    let bytes = Array(#"{"a":[1,-0.5e3],"b":"x\u00e9\ud83d\ude00","c":null,"d":true}"#.utf8)
    for count in 0..<bytes.count {
      #expect(throws: JSONFault.self) { try JSONReader.parse(Array(bytes.prefix(count))) }
    }
  }

  @Test func writesWhatItReads() throws {
    let text = #"{"a":[1,-0.5,null,true],"b":"\u0000\"\\é😀\u007f","c":{},"d":1700000000000}"#
    #expect(JSONWriter.text(try parse(text)) == text)
  }
}
