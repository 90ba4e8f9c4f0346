import EdgeCrypto
import Policy

/// What a route host gets for a code.
package struct HandOver: Sendable, Hashable {
  package var session: Session
  package var returnURL: String
  /// Where the browser goes first.
  package var journey: SignInJourney?
}

/// The codes that carry a session from the authenticate host to a route host: single use, one minute, one host, one
/// browser (security rule 16). Codes are kept as hashes.
struct HandOverCodes: Sendable {
  struct Entry: Sendable, Hashable {
    var sessionID: String
    var host: String
    var returnURL: String
    var nonceHash: String
    var journey: SignInJourney?
    var expiresAt: UnixTime
  }

  static let lifetime: Int64 = 60
  static let limit = 8192
  static let limitPerSession = 32

  private var entries: [[UInt8]: Entry] = [:]

  var count: Int { entries.count }

  /// A new code, or nil when all places are taken by others.
  mutating func issue(
    _ request: SignInRequest, sessionID: String, now: UnixTime, random: RandomSource
  ) -> String? {
    if entries.count >= Self.limit { removeExpired(at: now) }
    let own = entries.filter { $0.value.sessionID == sessionID }
    if own.count >= Self.limitPerSession, let oldest = own.min(by: { $0.value.expiresAt < $1.value.expiresAt }) {
      entries[oldest.key] = nil
    }
    guard entries.count < Self.limit else { return nil }
    let code = Base64.encodeURL(random(16))
    entries[Self.hash(code)] = Entry(
      sessionID: sessionID, host: request.host, returnURL: request.returnURL, nonceHash: request.nonceHash,
      journey: request.journey, expiresAt: now.adding(seconds: Self.lifetime))
    return code
  }

  /// Whatever comes of it, the code is used up.
  mutating func redeem(_ code: String, host: String, nonce: String, now: UnixTime) -> Entry? {
    guard let entry = entries.removeValue(forKey: Self.hash(code)), now < entry.expiresAt, entry.host == host,
      constantTimeEquals(Array(SignInRequest.hash(nonce: nonce).utf8), Array(entry.nonceHash.utf8))
    else { return nil }
    return entry
  }

  mutating func removeExpired(at now: UnixTime) { entries = entries.filter { now < $0.value.expiresAt } }

  mutating func removeAll(sessionID: String) { entries = entries.filter { $0.value.sessionID != sessionID } }

  private static func hash(_ code: String) -> [UInt8] { Digest.sha256(Array(code.utf8)) }
}
