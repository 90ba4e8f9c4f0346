import EdgeCrypto
import Policy

/// The other hosts that a sign-in visits before the browser goes back to where it came from (`depends_on`), each for a cookie
/// of its own.
package struct SignInJourney: Sendable, Hashable {
  package static let mostStops = 5
  static let longestOrigin = 300

  /// `https://host[:port]` of those that are still to come.
  package let stops: [String]
  /// Where it ends; until the first host has its cookie that is the address asked for.
  package let end: String?
  /// Of the session that it was begun with: with another one it is not gone on with.
  let sessionMark: String?

  package init?(stops: [String], end: String? = nil) { self.init(stops: stops, end: end, sessionMark: nil) }

  init?(stops: [String], end: String?, sessionMark: String?) {
    guard stops.count <= Self.mostStops, !stops.isEmpty || end != nil, stops.allSatisfy(Self.isOrigin),
      end.map({ $0.utf8.count <= SignInRequest.maximumURLLength && WebURL($0)?.scheme == "https" }) ?? true
    else { return nil }
    self.stops = stops
    self.end = end
    self.sessionMark = sessionMark
  }

  private static func isOrigin(_ text: String) -> Bool {
    guard text.utf8.count <= longestOrigin, let url = WebURL(text) else { return false }
    return url.scheme == "https" && url.origin == text
  }

  static func mark(of sessionID: String) -> String {
    String(Base64.encodeURL(Digest.sha256(Array(sessionID.utf8))).prefix(22))
  }

  func mayGoOn(with session: Session) -> Bool { sessionMark.map { $0 == Self.mark(of: session.id) } ?? true }
}

/// The next host of a journey, with what makes it go on there.
package struct SignInStop: Sendable, Hashable {
  /// `https://host[:port]`.
  package var origin: String
  package var code: String
}

/// The codes that take a journey from one host to the next: single use, one minute, one host. What stands behind them never
/// travels. Codes are kept as hashes.
struct JourneyCodes: Sendable {
  struct Entry: Sendable, Hashable {
    var sessionID: String
    var host: String
    var journey: SignInJourney
    var expiresAt: UnixTime
  }

  private var entries: [[UInt8]: Entry] = [:]

  var count: Int { entries.count }

  /// A new code, or nil when all places are taken.
  mutating func issue(
    _ journey: SignInJourney, for host: String, sessionID: String, now: UnixTime, random: RandomSource
  ) -> String? {
    if entries.count >= HandOverCodes.limit { removeExpired(at: now) }
    let own = entries.filter { $0.value.sessionID == sessionID }
    if own.count >= HandOverCodes.limitPerSession,
      let oldest = own.min(by: { $0.value.expiresAt < $1.value.expiresAt })
    {
      entries[oldest.key] = nil
    }
    guard entries.count < HandOverCodes.limit else { return nil }
    let code = Base64.encodeURL(random(16))
    entries[Digest.sha256(Array(code.utf8))] = Entry(
      sessionID: sessionID, host: host, journey: journey, expiresAt: now.adding(seconds: HandOverCodes.lifetime))
    return code
  }

  /// Whatever comes of it, the code is used up.
  mutating func redeem(_ code: String, host: String, now: UnixTime) -> Entry? {
    guard let entry = entries.removeValue(forKey: Digest.sha256(Array(code.utf8))), now < entry.expiresAt,
      entry.host == host
    else { return nil }
    return entry
  }

  mutating func removeExpired(at now: UnixTime) { entries = entries.filter { now < $0.value.expiresAt } }

  mutating func removeAll(sessionID: String) { entries = entries.filter { $0.value.sessionID != sessionID } }
}
