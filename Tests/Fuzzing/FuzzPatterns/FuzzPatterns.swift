import FuzzDriver

@testable import Patterns

// A regular expression of an administrator's (up to the first NUL), and a path of a visitor's. Never a trap, never long; the
// table that decides and the search that captures agree on whether all of the path matches.

@_cdecl("FuzzPatterns_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    let written = bytes.prefix { $0 != 0 }
    let pattern = String(decoding: written, as: UTF8.self)
    let path = String(decoding: bytes.dropFirst(written.count + 1), as: UTF8.self)
    if let substitution = try? Substitution(pattern: pattern, replacement: #"<\0>"#) {
      _ = substitution.applied(to: path)
    }
    guard let whole = try? WholePattern(pattern),
      let program = try? Program(PatternParser.parse("^(?:\(pattern))$"))
    else { return }
    var search = PatternSearch(program, in: Array(path.utf8))
    guard let found = try? search.first(from: 0).map({ $0[1] == path.utf8.count }) ?? false else { return }
    guard whole.matches(path) == found else {
      fatalError("the table says \(whole.matches(path)), the search \(found)")
    }
  }
}
