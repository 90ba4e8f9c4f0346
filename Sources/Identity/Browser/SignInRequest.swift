import EdgeCrypto
import Policy

/// A route host's request that its visitor be signed in, as it travels in the query to the authenticate host: signed,
/// good for five minutes, and bound to the browser by the hash of a nonce that the route host set as a cookie.
package struct SignInRequest: Sendable, Hashable {
  package let returnURL: String
  /// Of the return URL: lower case, without port. Whoever takes the request checks that this is a route's.
  package let host: String
  package let nonceHash: String
  /// Where the browser goes before it comes back (`depends_on`).
  package let journey: SignInJourney?

  static let lifetime: Int64 = 300
  static let maximumURLLength = 2000
  private static let leeway: Int64 = 60

  init?(returnURL: String, nonceHash: String, journey: SignInJourney? = nil) {
    guard let url = WebURL(returnURL), url.scheme == "https", returnURL.utf8.count <= Self.maximumURLLength,
      nonceHash.utf8.count == 43
    else {
      return nil
    }
    self.returnURL = returnURL
    host = url.host
    self.nonceHash = nonceHash
    self.journey = journey
  }

  static func hash(nonce: String) -> String { Base64.encodeURL(Digest.sha256(Array(nonce.utf8))) }

  /// A return URL too long for a cookie loses its query, then its path.
  static func shortened(_ url: String) -> String {
    guard url.utf8.count > maximumURLLength, let parsed = WebURL(url) else { return url }
    let path = parsed.rest.prefix { $0 != "?" && $0 != "#" }
    return parsed.origin + (path.utf8.count < 1500 ? String(path) : "/")
  }

  func query(now: UnixTime, key: HMACKey) -> [(String, String)] {
    let issued = String(now.seconds)
    let expiry = String(now.seconds + Self.lifetime)
    var pairs = [
      (Name.returnURL, returnURL), (Name.nonce, nonceHash), (Name.issued, issued), (Name.expiry, expiry),
    ]
    var signed = [returnURL, nonceHash, issued, expiry]
    if let journey {
      let more = [
        (Name.stops, journey.stops.joined(separator: ",")), (Name.end, journey.end ?? ""),
        (Name.session, journey.sessionMark ?? ""),
      ]
      signed += more.map(\.1)
      pairs += more.filter { !$0.1.isEmpty }
    }
    return pairs + [(Name.signature, Base64.encodeURL(key.tag(Self.signed(signed))))]
  }

  init(query: [(String, String)], now: UnixTime, key: HMACKey) throws(IdentityError) {
    var values: [String] = []
    for name in [Name.returnURL, Name.nonce, Name.issued, Name.expiry, Name.signature] {
      guard let value = try QueryString.single(name, in: query) else { throw Self.malformed }
      values.append(value)
    }
    let more = try [Name.stops, Name.end, Name.session].map { name throws(IdentityError) in
      try QueryString.single(name, in: query)
    }
    var signed = Array(values.prefix(4))
    let hasJourney = more.contains { $0 != nil }
    if hasJourney { signed += more.map { $0 ?? "" } }
    guard let tag = Base64.decodeURL(values[4]), key.verifies(tag, Array(Self.signed(signed).utf8)),
      let issued = Int64(values[2]), let expiry = Int64(values[3])
    else { throw Self.malformed }
    guard issued <= now.seconds + Self.leeway, now.seconds < expiry, expiry - issued <= Self.lifetime else {
      throw IdentityError(.expired, "This sign-in link is too old. Please open the page again.")
    }
    var journey: SignInJourney?
    if hasJourney {
      journey = SignInJourney(
        stops: more[0]?.split(separator: ",").map(String.init) ?? [], end: more[1], sessionMark: more[2])
      guard journey != nil else { throw Self.malformed }
    }
    guard let request = SignInRequest(returnURL: values[0], nonceHash: values[1], journey: journey) else {
      throw Self.malformed
    }
    self = request
  }

  private enum Name {
    static let returnURL = "pomerium_redirect_uri"
    static let nonce = "pomerium_nonce"
    static let issued = "pomerium_issued"
    static let expiry = "pomerium_expiry"
    static let stops = "pomerium_additional_hosts"
    static let end = "pomerium_final_uri"
    static let session = "pomerium_session"
    static let signature = "pomerium_signature"
  }

  private static func signed(_ values: [String]) -> String { values.joined(separator: "\n") }

  private static let malformed = IdentityError(
    .badRequest, "This sign-in link is not one this edge has made. Please open the page again.")
}
