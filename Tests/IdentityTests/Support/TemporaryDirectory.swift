import Glibc
import Testing

/// A directory of its own for one test, removed afterwards.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/tunnel-edge-identity-XXXXXX".utf8CString)
    let made = try #require(mkdtemp(&template))
    path = String(cString: made)
  }

  deinit { _ = system("rm -rf '\(path)'") }
}
