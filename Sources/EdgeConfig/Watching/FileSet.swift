internal import Glibc

/// What all watched files held at one moment.
struct FileSnapshot: Sendable {
  var contents: [String: Result<FileContent, FileFailure>]
  var fingerprints: [String: FileFingerprint]

  init(reading paths: some Sequence<String>, with reader: FileReader) {
    contents = [:]
    fingerprints = [:]
    for path in paths {
      let result = reader.read(path)
      contents[path] = result
      fingerprints[path] = FileFingerprint(result)
    }
  }
}

/// What `stat` says of a file: differs after every ordinary change.
struct FileSignature: Sendable, Equatable {
  private var device: UInt64 = 0
  private var inode: UInt64 = 0
  private var mode: UInt32 = 0
  private var size: Int64 = 0
  private var modified: [Int64] = []

  init(of path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    mode = UInt32(status.st_mode)
    size = Int64(status.st_size)
    modified = [
      Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec), Int64(status.st_ctim.tv_sec),
      Int64(status.st_ctim.tv_nsec),
    ]
  }
}

/// The directories in which a change of this file can show: its own, those its links lead through, and those above them.
func directories(around path: String) -> Set<String> {
  var found: Set<String> = []
  var current = path
  for _ in 0..<maxLinks {
    let directory = directory(of: current)
    found.insert(directory)
    // Where the directory's own name stands: it may be a link, or be replaced as a whole.
    found.insert(directory == "." ? ".." : EdgeConfig.directory(of: directory))
    guard let target = linkTarget(of: current) else { break }
    current = target.hasPrefix("/") ? target : directory + "/" + target
  }
  return found
}

private let maxLinks = 16

/// As `dirname` does it.
func directory(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

private func linkTarget(of path: String) -> String? {
  var buffer = [CChar](repeating: 0, count: 4096)
  let count = unsafe readlink(path, &buffer, buffer.count)
  guard count > 0 else { return nil }
  return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
