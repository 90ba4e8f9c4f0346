import Glibc
import Synchronization

/// Where lines of a log go: standard output, standard error, or a file that can be reopened after rotation (USR1).
///
/// Lines are joined and written together: a busy access log costs one system call per 32 KiB, a quiet one is at most
/// `flushInterval` late. A line is never split between two writes unless the system does so.
package final class LineFile: Sendable {
  package enum Place: Sendable, Hashable {
    case standardOutput
    case standardError
    case file(String)
  }

  package struct Failure: Error, CustomStringConvertible {
    package var path: String
    package var code: Int32
    package var description: String { "cannot open log file \(path): \(errorText(code))" }
  }

  private struct State {
    var descriptor: Int32
    var buffer: [UInt8] = []
  }

  private static let flushSize = 32 * 1024
  /// Lines beyond this are dropped while the disk does not take any: a full disk must not eat the memory.
  private static let bufferLimit = 4 * 1024 * 1024

  package let place: Place
  private let state: Mutex<State>

  package init(_ place: Place) throws(Failure) {
    self.place = place
    state = Mutex(State(descriptor: try Self.open(place)))
  }

  deinit {
    flush()
    if case .file = place { _ = state.withLock { close($0.descriptor) } }
  }

  /// Adds a line that ends with a newline; `urgent` lines are written at once.
  package func append(_ line: [UInt8], urgent: Bool = false) {
    state.withLock { state in
      guard state.buffer.count + line.count <= Self.bufferLimit else { return }
      state.buffer.append(contentsOf: line)
      if urgent || state.buffer.count >= Self.flushSize { Self.drain(&state) }
    }
  }

  package func flush() {
    state.withLock { Self.drain(&$0) }
  }

  /// Opens the path again, after a rotation has moved the file away. Keeps the old descriptor if that fails.
  package func reopen() throws(Failure) {
    guard case .file = place else { return }
    let fresh = try Self.open(place)
    state.withLock { state in
      Self.drain(&state)
      close(state.descriptor)
      state.descriptor = fresh
    }
  }

  private static func drain(_ state: inout State) {
    var start = 0
    while start < state.buffer.count {
      let written = unsafe state.buffer[start...].withUnsafeBytes {
        unsafe write(state.descriptor, $0.baseAddress, $0.count)
      }
      if written > 0 {
        start += written
      } else if written < 0 && errno == EINTR {
        continue
      } else {
        break
      }
    }
    state.buffer.removeFirst(start)
  }

  private static func open(_ place: Place) throws(Failure) -> Int32 {
    switch place {
    case .standardOutput: return 1
    case .standardError: return 2
    case .file(let path):
      let descriptor = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
      return descriptor
    }
  }
}

/// The system's words for an `errno` value.
package func errorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
