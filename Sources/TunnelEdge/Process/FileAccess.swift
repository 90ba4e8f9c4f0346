import Glibc

/// Whole files, read and written with the system's own words in the error.
package enum FileAccess {
  package struct Failure: Error, CustomStringConvertible {
    package var action: String
    package var path: String
    package var code: Int32
    package var description: String { "cannot \(action) \(path): \(errorText(code))" }
  }

  /// Reads up to `limit` bytes; a longer file is an error (EFBIG).
  package static func read(_ path: String, limit: Int = 16 * 1024 * 1024) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(action: "read", path: path, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(action: "read", path: path, code: errno)
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else { throw Failure(action: "read", path: path, code: EFBIG) }
    }
  }

  package static func readText(_ path: String) throws(Failure) -> String {
    String(decoding: try read(path), as: UTF8.self)
  }

  /// Creates a file that must not exist yet.
  package static func create(_ path: String, _ text: String, mode: mode_t) throws(Failure) {
    try write(path, text, flags: O_CREAT | O_EXCL, mode: mode)
  }

  /// Replaces a file as a whole: readers see the old bytes or the new ones.
  package static func replace(_ path: String, _ text: String, mode: mode_t) throws(Failure) {
    let fresh = "\(path).new"
    unlinkIfPresent(fresh)
    try write(fresh, text, flags: O_CREAT | O_EXCL, mode: mode)
    guard unsafe rename(fresh, path) == 0 else { throw Failure(action: "write", path: path, code: errno) }
  }

  package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  package static func unlinkIfPresent(_ path: String) { _ = unsafe unlink(path) }

  /// Makes a directory and those above it.
  package static func makeDirectory(_ path: String, mode: mode_t) throws(Failure) {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += part
      if unsafe mkdir(built, mode) != 0 && errno != EEXIST {
        throw Failure(action: "make the directory", path: built, code: errno)
      }
      built += "/"
    }
  }

  /// The path from the root of the file system.
  package static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard let base = unsafe getcwd(&buffer, buffer.count) else { return path }
    return unsafe String(cString: base) + "/" + path
  }

  private static func write(_ path: String, _ text: String, flags: Int32, mode: mode_t) throws(Failure) {
    let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC | flags, mode)
    guard descriptor >= 0 else { throw Failure(action: "create", path: path, code: errno) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let written = unsafe bytes[start...].withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        throw Failure(action: "write", path: path, code: errno)
      }
      start += written
    }
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw Failure(action: "write", path: path, code: errno) }
  }
}
