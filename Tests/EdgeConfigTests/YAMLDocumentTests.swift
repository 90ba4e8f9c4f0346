import EdgeConfig
import Policy
import Testing

@Suite struct YAMLDocumentTests {
  private func parse(_ text: String) -> YAMLDocument { YAMLDocument(parsing: Array(text.utf8)) }

  @Test func `every value keeps its line and column`() throws {
    let root = try #require(parse("a: 1\nlist:\n  - x\n  - {b: \"two\"}\n").root)
    #expect(root["a"]?.position == SourcePosition(line: 1, column: 4))
    #expect(root.mapping?.last?.keyPosition == SourcePosition(line: 2, column: 1))
    #expect(root["list"]?.sequence?.first?.position == SourcePosition(line: 3, column: 5))
    #expect(root["list"]?.sequence?.last?["b"]?.position == SourcePosition(line: 4, column: 9))
  }

  @Test func `scalars follow the core schema, quotes make texts`() {
    func resolved(_ text: String) -> YAMLScalar.Resolved? {
      guard case .scalar(let scalar) = parse("v: \(text)").root?["v"]?.content else { return nil }
      return scalar.resolved
    }
    for text in ["", "~", "null", "Null"] { #expect(resolved(text) == .null) }
    for text in ["true", "True", "TRUE"] { #expect(resolved(text) == .bool(true)) }
    for text in [
      "yes", "on", "No", "1.2.3", "12px", "\"true\"", "'5'", "!!str 5", "2001-01-01", ".", "-x", "e5", "inf", "nan",
      "0x",
    ] {
      #expect(resolved(text) == .string, "\(text)")
    }
    for (text, number) in [("5", 5), ("-3", -3), ("1.5", 1.5), ("0x1F", 31), ("0o17", 15), ("1e3", 1000), (".5", 0.5)] {
      #expect(resolved(text) == .number(number), "\(text)")
    }
    #expect(parse("v: 007").root?["v"]?.text == "007")
  }

  @Test func `JSON is read, too`() throws {
    let root = try #require(parse("{\"a\": [1, true, null, \"x\"], \"b\": {\"c\": \"\\u00e4\"}}").root)
    #expect(root["a"]?.sequence?.count == 4)
    #expect(root["b"]?["c"]?.text == "ä")
  }

  @Test func `anchors, aliases and merge keys work`() throws {
    let document = parse("base: &b {x: 1, y: 2}\none: *b\ntwo: {<<: *b, y: 3}\nthree: {<<: [*b, {z: 4}]}\n")
    #expect(document.problems.isEmpty)
    #expect(document.root?["one"] == document.root?["base"])
    #expect(document.root?["two"]?["x"]?.text == "1")
    #expect(document.root?["two"]?["y"]?.text == "3")
    #expect(document.root?["three"]?["z"]?.text == "4")
  }

  @Test func `a bomb of aliases does not go off`() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    #expect(parse(text).problems.map(\.message) == ["more than 200000 values"])
  }

  @Test(arguments: [
    ("a: *b", "nothing is named `&b`"), ("a: &a [*a]", "nothing is named `&a`"), ("a: 1\na: 2", "`a` occurs twice"),
    ("{a: 1, \"a\": 2}", "`a` occurs twice"), ("[a]: 1", "a key must be a text"),
    ("a: !!binary aGk=", "has no meaning"),
    ("a: !own {b: 1}", "has no meaning"), ("a: 1\n---\nb: 2", "a second document"), ("<<: 5", "`<<` merges objects"),
    ("a: [1", "not valid YAML"), ("a:\n\t- b", "not valid YAML"), ("a: \"x", "not valid YAML"),
    ("a: @b", "not valid YAML"),
    ("a: b: c", "not valid YAML"), ("%", "not valid YAML"), ("a\u{0}b", "not valid YAML"),
  ])
  func `what is refused`(_ text: String, _ message: String) {
    let problems = parse(text).problems
    #expect(problems.count == 1, "\(problems)")
    #expect(problems.first?.message.contains(message) == true, "\(problems)")
    #expect((problems.first?.position.line ?? 0) > 0)
  }

  @Test func `depth, size and bad bytes are bounded`() {
    #expect(parse(String(repeating: "[", count: 100_000)).problems.first?.message == "nested more than 64 levels deep")
    #expect(parse(String(repeating: "{a: ", count: 70)).problems.first?.message == "nested more than 64 levels deep")
    #expect(parse(String(repeating: "a", count: 5 << 20)).problems.first?.message.contains("4 MiB") == true)
    #expect(YAMLDocument(parsing: [0x61, 0x3a, 0x20, 0xff, 0xfe]).problems.count == 1)
    #expect(YAMLDocument(parsing: []).root == nil)
    #expect(YAMLDocument(parsing: [0xef, 0xbb, 0xbf] + Array("a: 1".utf8)).root?["a"]?.text == "1")
  }

  @Test func `no input crashes the parser`() {
    let seed = Array("a: &x [1, {b: *x}]\n\"q\": |\n  text\n? k\n: !!str v\n--- \n<<: *x\n".utf8)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      _ = YAMLDocument(parsing: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))))
    }
  }
}
