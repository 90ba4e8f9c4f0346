import EdgeConfig
import Foundation
import Testing

@Suite struct RobustnessTests {
  /// How many changed copies of each file are read; with `scripts/test --full` more.
  private static let copies = ProcessInfo.processInfo.environment["TUNNEL_EDGE_TEST_FULL"] == nil ? 15 : 200

  @Test func `no file crashes the reader, and what is refused says why`() throws {
    var texts = [base, try String(contentsOf: GoldenTests.folder.appending(path: "seed.yaml"), encoding: .utf8)]
    for name in GoldenTests.names {
      texts.append(try String(contentsOf: GoldenTests.folder.appending(path: "golden/\(name).yaml"), encoding: .utf8))
    }
    let values = [
      "", "~", "5", "-1", "[]", "{}", "[[x]]", "{a: {b: c}}", "\"\"", "*a", "&a x", "true", "'a b'", "!!str", "|",
      "- x", "$$", "é", ":",
    ]
    for text in texts {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      for _ in 0..<Self.copies {
        var mutated = lines
        for _ in 0..<Int.random(in: 1...3) {
          guard let index = mutated.indices.randomElement() else { break }
          switch Int.random(in: 0..<5) {
          case 0: mutated.remove(at: index)
          case 1: mutated.insert(mutated.randomElement() ?? "", at: index)
          case 2: mutated[index] = String(mutated[index].dropFirst(Int.random(in: 0...4)))
          default:
            let key = mutated[index].prefix { $0 != ":" }
            mutated[index] = "\(key): \(values.randomElement() ?? "")"
          }
        }
        let loaded = load(mutated.joined(separator: "\n"))
        #expect((loaded.configuration == nil) == !loaded.errors.isEmpty)
      }
    }
  }

  @Test func `a large file is read in reasonable time`() {
    var text = base + "routes:\n"
    for number in 0..<2000 {
      text +=
        "  - {from: \"https://r\(number).example.org\", to: \"http://localhost:3000\", allowed_users: [a@example.org]}\n"
    }
    let loaded = load(text)
    #expect(loaded.configuration?.routes.count == 2000, "\(loaded.errors.prefix(3))")
    let keys = (0..<20_000).map { "k\($0): 1\n" }.joined()
    #expect(YAMLDocument(parsing: Array(keys.utf8)).root?.mapping?.count == 20_000)
  }

  @Test func `check notes a sign-in host beside published pages`() {
    let route =
      "routes:\n  - {from: https://app.example.com, allow_any_authenticated_user: true, upstream_tunnel: {ssh_policy: {allow: {or: [{authenticated_user: true}]}}}}\n"
    let notes = load(base + route).diagnostics.filter { $0.severity == .note }
    #expect(
      notes.map(\.message) == ["https://app.example.com and the sign-in host share the parent domain example.com"])
    #expect(
      load(base + route.replacing("app.example.com", with: "app.example.org")).diagnostics.allSatisfy {
        $0.severity != .note
      })
  }

  @Test func `HEADERS in the environment sets response headers`() {
    let loaded = load(base, environment: ["HEADERS": "X-A:b"])
    #expect(loaded.configuration?.listener.responseHeaders == [HeaderSetting(name: "X-A", value: "b")])
  }
}
