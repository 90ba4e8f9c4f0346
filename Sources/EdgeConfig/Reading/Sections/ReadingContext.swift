/// What all readers of one load share.
final class ReadingContext {
  let findings = Findings()
  /// Every file read or tried, in order, each once.
  private(set) var watchedFiles: [WatchedFile] = []
  private let files: FileReader
  private var contents: [String: Result<FileContent, FileFailure>] = [:]

  init(files: FileReader) { self.files = files }

  func read(_ path: String) -> Result<FileContent, FileFailure> {
    if let known = contents[path] { return known }
    let result = files.read(path)
    contents[path] = result
    watchedFiles.append(WatchedFile(path: path, fingerprint: FileFingerprint(result)))
    return result
  }

  /// The text of a file that a key names, or `nil` after an error.
  func text(of path: String, namedAt place: Place) -> String? {
    switch read(path) {
    case .failure(let failure):
      findings.error(place, "cannot read `\(path)`: \(failure.words)")
      return nil
    case .success(let content):
      guard let text = String(validating: content.bytes, as: UTF8.self) else {
        findings.error(place, "`\(path)` is not a text file")
        return nil
      }
      return text
    }
  }

  /// Who else may read a key file.
  enum KeyFileRule {
    /// ssh's habit: nobody.
    case ownerOnly
    /// TLS keys may belong to a group (`ssl-cert`).
    case ownerAndGroup

    var forbidden: UInt32 { self == .ownerOnly ? 0o077 : 0o007 }
  }

  /// The text of a private key file, which others must not be able to read (security rule 33).
  func keyText(of path: String, namedAt place: Place, _ rule: KeyFileRule) -> String? {
    if case .success(let content) = read(path), content.permissions & rule.forbidden != 0 {
      let mode = String(content.permissions & 0o777, radix: 8)
      findings.error(
        place, "permissions are too open: others can read the key file `\(path)` (mode 0\(mode))",
        "chmod 600 \(path)")
    }
    return text(of: path, namedAt: place)
  }
}
