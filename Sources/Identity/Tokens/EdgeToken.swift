import EdgeCrypto

/// A secret of the edge's own making that a program shows instead of a cookie: 256 random bits behind a prefix that says what
/// it is, so that it is told from tokens of others and found by those who look for leaked ones. Whoever keeps it to compare,
/// the store and the configuration, keeps its hash only (security rule 37).
package struct EdgeToken: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable {
    /// Of a person who signed in for a program (security rule 20).
    case login = "te_login_"
    /// Of a service account (security rule 13).
    case account = "te_account_"
  }

  package let kind: Kind
  package let text: String

  package init(_ kind: Kind, random: RandomSource) {
    self.kind = kind
    text = kind.rawValue + Base64.encodeURL(random(Self.byteCount))
  }

  /// `nil`: not one of ours, whatever it begins with.
  package init?(_ text: String) {
    guard let kind = Self.kind(of: text), text.utf8.count == kind.rawValue.utf8.count + Self.encodedCount,
      Base64.decodeURL(String(text.dropFirst(kind.rawValue.utf8.count)))?.count == Self.byteCount
    else { return nil }
    self.kind = kind
    self.text = text
  }

  /// What it is kept as: SHA-256 of the whole text, as `printf %s … | sha256sum` makes it.
  package var hash: [UInt8] { Digest.sha256(text) }

  /// Whether it was meant to be one of ours.
  package static func isOurs(_ text: some StringProtocol) -> Bool { kind(of: text) != nil }

  private static func kind(of text: some StringProtocol) -> Kind? {
    Kind.allCases.first { text.hasPrefix($0.rawValue) }
  }

  private static let byteCount = 32
  /// In base64url without padding.
  private static let encodedCount = 43
}
