/// Why the store could not do what was asked; the text names the file and says what to do about it.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// The file is not ours or is damaged.
    case corrupt
    /// Another process holds it.
    case inUse
    /// The directory or file cannot be made, read or written.
    case inaccessible
    /// `close` was called.
    case closed
  }

  package let kind: Kind
  package let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
