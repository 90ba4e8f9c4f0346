import EdgeCrypto
import Policy

/// Who has just signed out here and may want to do so at the provider, too: what the provider needs to know which of its
/// sessions that is (`id_token_hint`, OpenID Connect RP-Initiated Logout 1.0, section 2). Kept for minutes and in memory only,
/// behind a code in a cookie of the browser that signed out; codes are kept as hashes.
struct ProviderSignOuts: Sendable {
  struct Entry: Sendable {
    var hint: String
    /// Whose session it was (`Session.client`).
    var client: String?
    var expiresAt: UnixTime
  }

  static let lifetime: Int64 = 600
  static let limit = 1024
  /// Longer tokens make addresses that servers refuse.
  static let longestHint = 4096

  private var entries: [[UInt8]: Entry] = [:]

  var count: Int { entries.count }

  /// A new code, or nil when all places are taken.
  mutating func issue(_ entry: Entry, now: UnixTime, random: RandomSource) -> String? {
    if entries.count >= Self.limit { entries = entries.filter { now < $0.value.expiresAt } }
    guard entries.count < Self.limit else { return nil }
    let code = Base64.encodeURL(random(16))
    entries[Digest.sha256(Array(code.utf8))] = entry
    return code
  }

  /// Once.
  mutating func redeem(_ code: String, now: UnixTime) -> Entry? {
    guard let entry = entries.removeValue(forKey: Digest.sha256(Array(code.utf8))), now < entry.expiresAt else {
      return nil
    }
    return entry
  }
}
