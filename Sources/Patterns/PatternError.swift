/// Why a text is no pattern, and where.
package struct PatternError: Error, Sendable, Equatable {
  package var message: String
  /// In bytes from the beginning of the pattern; `nil` where the whole of it is meant.
  package var offset: Int?
  /// What to write instead, if that can be said.
  package var suggestion: String?

  init(_ message: String, at offset: Int?, _ suggestion: String? = nil) {
    self.message = message
    self.offset = offset
    self.suggestion = suggestion
  }
}
