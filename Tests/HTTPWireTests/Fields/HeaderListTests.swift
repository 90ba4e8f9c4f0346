import HTTPWire
import NIOCore
import Testing

@Suite struct HeaderListTests {
  private func parsed(_ fields: String) throws -> HeaderList {
    var reader = RequestReader()
    var buffer = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    guard case .head(let head) = try reader.next(from: &buffer) else { throw WireError.truncated }
    return head.headers
  }

  @Test func namesCompareWithoutCase() throws {
    var list = try parsed("X-One: 1\r\nx-one: 2\r\nCookie: a=b\r\n")
    #expect(list.values("X-ONE") == ["1", "2"])
    #expect(list.first(.cookie) == "a=b")
    list.set("x-One", "3")
    #expect(list.values("X-One") == ["3"])
    #expect(list.count == 3)
  }

  @Test func everyKnownNameIsRecognised() throws {
    for field in KnownField.allCases where field != .other && field != .host {
      if [.contentLength, .transferEncoding, .expect].contains(field) { continue }
      #expect(try parsed("\(field.name.uppercased()): x\r\n").fields.last?.kind == field)
      #expect(try parsed("\(field.name)x: x\r\n").fields.last?.kind == .other)
      #expect(
        try parsed("x\(field.name.dropFirst()): x\r\n").fields.last?.kind == (field.name.first == "x" ? field : .other))
    }
  }

  @Test func valuesCannotEndTheirLine() {
    let list = HeaderList([("X-A\r\nB", "1\r\nSet-Cookie: evil\u{0}")])
    var buffer = ByteBuffer()
    list.write(into: &buffer)
    #expect(String(buffer: buffer) == "X-A--B: 1  Set-Cookie: evil \r\n")
  }

  @Test func writesRunsAndGapsAlike() throws {
    var list = try parsed("A: 1\r\nB:2\r\nC: 3 \r\nD: 4\r\n")
    list.add("E", "5")
    var mask = FieldMask.all
    mask.remove(0)
    mask.remove(4)
    var buffer = ByteBuffer()
    list.write(into: &buffer, mask: mask)
    #expect(String(buffer: buffer) == "A: 1\r\nB: 2\r\nC: 3\r\nE: 5\r\n")
  }

  @Test func foldsUnderscoresAndCase() throws {
    let list = try parsed("X_Forwarded-FOR: 1\r\n")
    let field = try #require(list.fields.last)
    #expect(list.foldedName(field, equals: Array("x-forwarded-for".utf8)))
  }
}
