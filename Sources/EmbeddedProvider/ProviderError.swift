/// Why the provider could not be made or started: where, and what to do about it.
package struct ProviderError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The file cannot be read, or says something that cannot be used.
    case configuration
    /// The issuer is not a loopback name (security rule 35).
    case notLoopback
    /// The keys of the state directory cannot be read or made.
    case keys
    /// The port is taken or forbidden.
    case cannotListen
  }

  package let kind: Kind
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }
}
