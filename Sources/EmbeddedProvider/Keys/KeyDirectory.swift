#if canImport(Glibc)
  import Glibc
#endif

/// The files of the state directory: one PEM per signing key, named by the moment it was made, and the secret that seals
/// refresh tokens. All mode 0600.
struct KeyDirectory: Sendable {
  let path: String
  private static let prefix = "provider-key-"
  private static let suffix = ".pem"
  /// A 2048-bit key takes 1.7 KB.
  private static let largestFile = 16 * 1024

  /// Makes the directory, and those above it, when they are missing.
  init(path: String) throws(ProviderError) {
    self.path = path
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made == "/" ? String(part) : "/" + part
      guard unsafe mkdir(made, 0o700) == 0 || errno == EEXIST else {
        throw ProviderError(.keys, "\(path) cannot be made: \(Self.reason())")
      }
    }
  }

  /// The signing keys there, oldest first.
  func signingKeys() throws(ProviderError) -> [(madeAt: Int64, pem: String)] {
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
    for moment in moments.sorted() { keys.append((moment, try read(Self.name(moment)))) }
    return keys
  }

  func saveSigningKey(_ pem: String, madeAt: Int64) throws(ProviderError) { try save(pem, as: Self.name(madeAt)) }

  func removeSigningKey(madeAt: Int64) { unsafe _ = unlink("\(path)/\(Self.name(madeAt))") }

  /// Whether there is such a file.
  func has(_ name: String) -> Bool { unsafe access("\(path)/\(name)", F_OK) == 0 }

  /// Writes a file whole or not at all.
  func save(_ text: String, as name: String) throws(ProviderError) {
    let file = "\(path)/\(name)"
    let draft = file + ".new"
    let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw ProviderError(.keys, "\(draft) cannot be written: \(Self.reason())") }
    let bytes = Array(text.utf8)
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    let isSafe = written == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isSafe, unsafe rename(draft, file) == 0 else {
      throw ProviderError(.keys, "\(file) cannot be written: \(Self.reason())")
    }
  }

  func read(_ name: String) throws(ProviderError) -> String {
    let file = "\(path)/\(name)"
    let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ProviderError(.keys, "\(file) cannot be read: \(Self.reason())") }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & 0o077 == 0 else {
      throw ProviderError(.keys, "\(file) can be read by others; chmod 600 it, or delete it to get a new one")
    }
    var bytes = [UInt8](repeating: 0, count: Self.largestFile)
    var count = 0
    while count < bytes.count {
      let read = unsafe bytes.withUnsafeMutableBytes { region in
        unsafe Glibc.read(descriptor, region.baseAddress?.advanced(by: count), region.count - count)
      }
      guard read >= 0 else { throw ProviderError(.keys, "\(file) cannot be read: \(Self.reason())") }
      if read == 0 { break }
      count += read
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  private static func name(_ moment: Int64) -> String { "\(prefix)\(moment)\(suffix)" }

  private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
