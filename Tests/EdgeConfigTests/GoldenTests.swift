import EdgeConfig
import Foundation
import TestSupport
import Testing

/// Each `*.yaml` of the folder beside the expected diagnostics in `*.expected`. To accept what comes now, run with
/// `TUNNEL_EDGE_RECORD=1` and read the difference.
@Suite struct GoldenTests {
  static let folder = Checkout.root.appending(path: "Tests/Fixtures/EdgeConfig")

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "golden").path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
  }()

  @Test("every mistake of the file is reported, with its place", arguments: names)
  func golden(_ name: String) throws {
    let yaml = try String(contentsOf: Self.folder.appending(path: "golden/\(name).yaml"), encoding: .utf8)
    let loaded = load(yaml)
    let found = loaded.diagnostics.map { $0.description + "\n" }.joined()
    let expected = Self.folder.appending(path: "golden/\(name).expected")
    if ProcessInfo.processInfo.environment["TUNNEL_EDGE_RECORD"] != nil {
      try found.write(to: expected, atomically: true, encoding: .utf8)
    }
    #expect(try found == String(contentsOf: expected, encoding: .utf8))
    #expect((loaded.configuration == nil) == !loaded.errors.isEmpty)
  }

  @Test func `the folder is found`() { #expect(Self.names.count >= 10) }

  @Test func `no message shows a secret`() throws {
    for name in Self.names {
      let yaml = try String(contentsOf: Self.folder.appending(path: "golden/\(name).yaml"), encoding: .utf8)
      let found = load(yaml).diagnostics.map(\.description).joined()
      for secret in ["s3cr3t-value-nobody-may-see", "dG9vIHNob3J0", "3TVPqwSj0zGv", "not a key", "from-a-file"] {
        #expect(!found.contains(secret), "\(name)")
      }
    }
  }
}
