/// A file that a configuration was read from, and what it held then.
package struct WatchedFile: Sendable, Hashable {
  package var path: String
  package var fingerprint: FileFingerprint

  package init(path: String, fingerprint: FileFingerprint) {
    self.path = path
    self.fingerprint = fingerprint
  }
}

/// Tells whether two reads of a file gave the same. Meaningful within one process only.
package struct FileFingerprint: Sendable, Hashable {
  private enum Kind: Hashable {
    case content(hash: Int, count: Int, permissions: UInt32)
    case failure(FileFailure)
  }

  private let kind: Kind

  package init(_ result: Result<FileContent, FileFailure>) {
    switch result {
    case .success(let content):
      kind = .content(
        hash: content.bytes.hashValue, count: content.bytes.count, permissions: content.permissions)
    case .failure(let failure):
      kind = .failure(failure)
    }
  }

  /// Missing or empty: what a file looks like halfway through being replaced.
  var isVacant: Bool {
    switch kind {
    case .content(_, let count, _): count == 0
    case .failure(.notFound): true
    case .failure: false
    }
  }
}
