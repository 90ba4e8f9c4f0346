import Glibc

/// Text for the person at the terminal, apart from what a command prints as its result.
package enum StandardError {
  package static func write(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = unsafe Glibc.write(2, bytes, bytes.count)
  }
}

enum StandardOutput {
  /// Shows at once what was printed, also where standard output is a pipe.
  static func flush() { fflush(nil) }
}
