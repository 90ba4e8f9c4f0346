#if canImport(Glibc)
  import Glibc
#endif

/// The files of the state directory: one PEM per signing key, named by the moment it was made, mode 0600.
struct KeyDirectory: Sendable {
  let path: String
  private static let prefix = "provider-key-"
  private static let suffix = ".pem"
  /// A 2048-bit key takes 1.7 KB.
  private static let largestFile = 16 * 1024

  init(path: String) throws(ProviderError) {
    self.path = path
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      made += made.isEmpty && !path.hasPrefix("/") ? String(part) : (part.isEmpty && made.isEmpty ? "" : "/" + part)
      guard !made.isEmpty else { continue }
      let status = unsafe mkdir(made, 0o700)
      guard status == 0 || errno == EEXIST || errno == EISDIR else {
        throw ProviderError(.keys, "\(path) cannot be made: \(Self.reason())")
      }
    }
  }

  /// The keys there, oldest first.
  func load() throws(ProviderError) -> [(madeAt: Int64, pem: String)] {
    guard let listing = unsafe opendir(path) else {
      throw ProviderError(.keys, "\(path) cannot be read: \(Self.reason())")
    }
    defer { unsafe closedir(listing) }
    var moments: [Int64] = []
    while let entry = unsafe readdir(listing) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(Self.prefix), name.hasSuffix(Self.suffix) else { continue }
      if let moment = Int64(name.dropFirst(Self.prefix.count).dropLast(Self.suffix.count)) { moments.append(moment) }
    }
    var keys: [(madeAt: Int64, pem: String)] = []
    for moment in moments.sorted() { keys.append((moment, try read(file(moment)))) }
    return keys
  }

  /// Writes a new file whole or not at all.
  func save(_ pem: String, madeAt: Int64) throws(ProviderError) {
    let name = file(madeAt)
    let draft = name + ".new"
    let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw ProviderError(.keys, "\(draft) cannot be written: \(Self.reason())") }
    let bytes = Array(pem.utf8)
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    let isSafe = written == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isSafe, unsafe rename(draft, name) == 0 else {
      throw ProviderError(.keys, "\(name) cannot be written: \(Self.reason())")
    }
  }

  func remove(madeAt: Int64) { unsafe _ = unlink(file(madeAt)) }

  private func file(_ moment: Int64) -> String { "\(path)/\(Self.prefix)\(moment)\(Self.suffix)" }

  private func read(_ name: String) throws(ProviderError) -> String {
    let descriptor = unsafe open(name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ProviderError(.keys, "\(name) cannot be read: \(Self.reason())") }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & 0o077 == 0 else {
      throw ProviderError(.keys, "\(name) can be read by others; chmod 600 it, or delete it to get a new key")
    }
    var bytes = [UInt8](repeating: 0, count: Self.largestFile)
    var count = 0
    while count < bytes.count {
      let read = unsafe bytes.withUnsafeMutableBytes { region in
        unsafe Glibc.read(descriptor, region.baseAddress?.advanced(by: count), region.count - count)
      }
      guard read >= 0 else { throw ProviderError(.keys, "\(name) cannot be read: \(Self.reason())") }
      if read == 0 { break }
      count += read
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
