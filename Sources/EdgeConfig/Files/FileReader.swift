internal import Glibc

/// What a file held when it was read.
package struct FileContent: Sendable, Equatable {
  package var bytes: [UInt8]
  /// The lower twelve bits of the mode.
  package var permissions: UInt32

  package init(bytes: [UInt8], permissions: UInt32 = 0o600) {
    self.bytes = bytes
    self.permissions = permissions
  }
}

package enum FileFailure: Error, Sendable, Hashable {
  case notFound
  case notPermitted
  case isDirectory
  case tooLarge
  case other(String)

  package var words: String {
    switch self {
    case .notFound: "there is no such file"
    case .notPermitted: "this process may not read it"
    case .isDirectory: "it is a directory"
    case .tooLarge: "it is larger than \(FileReader.largestFile >> 20) MiB"
    case .other(let words): words
    }
  }
}

/// Reads whole files. Tests bring their own.
package struct FileReader: Sendable {
  static let largestFile = 4 << 20

  package var read: @Sendable (String) -> Result<FileContent, FileFailure>

  package init(_ read: @escaping @Sendable (String) -> Result<FileContent, FileFailure>) { self.read = read }

  package static let system = FileReader { path in
    do throws(FileFailure) {
      return .success(try readWholeFile(path))
    } catch {
      return .failure(error)
    }
  }
}

private func readWholeFile(_ path: String) throws(FileFailure) -> FileContent {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw FileFailure(errno: errno) }
  defer { close(descriptor) }
  var status = stat()
  guard unsafe fstat(descriptor, &status) == 0 else { throw FileFailure(errno: errno) }
  switch status.st_mode & S_IFMT {
  case S_IFREG: break
  case S_IFDIR: throw .isDirectory
  default: throw .other("it is not a regular file")
  }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      throw FileFailure(errno: errno)
    }
    if count == 0 { break }
    bytes += chunk.prefix(count)
    if bytes.count > FileReader.largestFile { throw .tooLarge }
  }
  return FileContent(bytes: bytes, permissions: UInt32(status.st_mode) & 0o7777)
}

extension FileFailure {
  init(errno code: Int32) {
    switch code {
    case ENOENT, ENOTDIR: self = .notFound
    case EACCES, EPERM: self = .notPermitted
    default: self = .other(unsafe String(cString: strerror(code)))
    }
  }
}
