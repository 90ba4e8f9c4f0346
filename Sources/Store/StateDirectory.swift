import Glibc

/// The directory that holds the store: made with all its parents, open to its owner only, its files likewise.
struct StateDirectory {
  let path: String

  init(_ path: String) throws(StoreError) {
    var trimmed = path
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    self.path = trimmed
    guard !trimmed.isEmpty else {
      throw StoreError(.inaccessible, "the store needs a directory: databroker_storage_connection_string: file:///path")
    }
    try Self.makeDirectory(trimmed)
  }

  /// A file in it that nobody else can read, empty when it is new.
  func privateFile(_ name: String) throws(StoreError) -> String {
    let file = "\(path)/\(name)"
    let descriptor = unsafe open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure("open", file) }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw Self.failure("restrict", file) }
    return file
  }

  private static func makeDirectory(_ path: String) throws(StoreError) {
    var status = stat()
    if unsafe stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw StoreError(.inaccessible, "\(path) is a file; the store needs a directory there: name another path")
      }
      return
    }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectory(String(path[..<slash])) }
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw failure("make", path) }
  }

  private static func failure(_ verb: String, _ path: String) -> StoreError {
    let reason = unsafe String(cString: strerror(errno))
    return StoreError(
      .inaccessible, "cannot \(verb) \(path): \(reason); the user that runs the edge must own this directory")
  }
}
