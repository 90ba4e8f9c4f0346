import Glibc

/// Which file stands at a path: a file that was removed and made again is another one.
struct FileMark: Sendable, Equatable {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  init(_ path: String) throws(StoreError) {
    guard let mark = try Self.look(at: path) else {
      throw StoreError(.inaccessible, "\(path) is gone; leave it alone while the edge runs")
    }
    self = mark
  }

  private init(path: String, _ status: stat) {
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// `nil`: nothing is there.
  static func look(at path: String) throws(StoreError) -> FileMark? {
    var status = stat()
    if unsafe stat(path, &status) == 0 { return FileMark(path: path, status) }
    if errno == ENOENT { return nil }
    throw StoreError(
      .inaccessible,
      "\(path): \(unsafe String(cString: strerror(errno))); the user that runs the edge must own this directory")
  }
}
