import EdgeCrypto
import Policy

/// A program's wish for a token of one route, as it travels in the address that a person opens: made by the edge, signed, good
/// for ten minutes and for one answer.
package struct ProgramLogin: Sendable, Hashable {
  /// Names it, so that it is answered once.
  let id: String
  package let target: LoopbackTarget
  /// Lower case, without a port.
  package let host: String
  /// What the token will be good for (`Route.audience`).
  package let route: String
  /// PKCE (RFC 7636, S256): the program gets a code, and its token for the code. `nil`: the token itself comes back.
  package let challenge: String?

  /// In seconds. As long as a person may take at the provider.
  static let lifetime: Int64 = 600
  private static let leeway: Int64 = 60

  package init?(target: LoopbackTarget, host: String, route: String, challenge: String?, random: RandomSource) {
    self.init(
      id: Base64.encodeURL(random(16)), target: target, host: host, route: route, challenge: challenge)
  }

  private init?(id: String, target: LoopbackTarget, host: String, route: String, challenge: String?) {
    guard host.utf8.count <= 253, route.utf8.count <= 512 else { return nil }
    if let challenge { guard Self.isChallenge(challenge) else { return nil } }
    self.id = id
    self.target = target
    self.host = host
    self.route = route
    self.challenge = challenge
  }

  /// 32 bytes in base64url: what S256 makes.
  package static func isChallenge(_ text: String) -> Bool {
    text.utf8.count == 43 && Base64.decodeURL(text)?.count == 32
  }

  func query(now: UnixTime, key: HMACKey) -> [(String, String)] {
    let expiry = String(now.seconds + Self.lifetime)
    var pairs = [
      (Name.target, target.url), (Name.host, host), (Name.route, route), (Name.id, id), (Name.expiry, expiry),
    ]
    if let challenge { pairs.append((Name.challenge, challenge)) }
    let tag = key.tag(Self.signed([target.url, host, route, id, expiry, challenge ?? ""]))
    return pairs + [(Name.signature, Base64.encodeURL(tag))]
  }

  init(
    query: [(String, String)], allowed: Set<String>, now: UnixTime, key: HMACKey
  ) throws(IdentityError) {
    var values: [String] = []
    for name in [Name.target, Name.host, Name.route, Name.id, Name.expiry, Name.signature] {
      guard let value = try QueryString.single(name, in: query) else { throw Self.malformed }
      values.append(value)
    }
    let challenge = try QueryString.single(Name.challenge, in: query)
    let signed = Self.signed(Array(values.prefix(5)) + [challenge ?? ""])
    guard let tag = Base64.decodeURL(values[5]), key.verifies(tag, Array(signed.utf8)), let expiry = Int64(values[4])
    else { throw Self.malformed }
    guard now.seconds < expiry, expiry <= now.seconds + Self.lifetime + Self.leeway else {
      throw IdentityError(.expired, "This sign-in link is too old. Start the program again for a new one.")
    }
    guard let target = LoopbackTarget(values[0], allowed: allowed),
      let login = ProgramLogin(id: values[3], target: target, host: values[1], route: values[2], challenge: challenge)
    else { throw Self.malformed }
    self = login
  }

  private enum Name {
    static let target = "pomerium_redirect_uri"
    static let host = "pomerium_host"
    static let route = "pomerium_route"
    static let id = "pomerium_login"
    static let expiry = "pomerium_expiry"
    static let challenge = "code_challenge"
    static let signature = "pomerium_signature"
  }

  private static func signed(_ values: [String]) -> String { values.joined(separator: "\n") }

  private static let malformed = IdentityError(
    .badRequest, "This sign-in link is not one this edge has made. Start the program again for a new one.")
}

/// The wishes that were answered, for as long as their addresses are good.
struct AnsweredLogins: Sendable {
  static let limit = 4096
  /// So that nobody takes the places of all others.
  static let limitPerPerson = 256

  enum Answer: Sendable {
    case first, again
    /// There is no room to remember it.
    case tooMany
  }

  private struct Answered {
    var person: String
    var until: UnixTime
  }

  private var answered: [String: Answered] = [:]

  /// - Parameter person: whoever answers (`KnownKey.owner`).
  mutating func answer(_ login: ProgramLogin, by person: String, now: UnixTime) -> Answer {
    if isAnswered(login, now: now) { return .again }
    let own = answered.values.count { $0.person == person }
    if answered.count >= Self.limit || own >= Self.limitPerPerson {
      answered = answered.filter { now < $0.value.until }
    }
    guard answered.count < Self.limit, answered.values.count(where: { $0.person == person }) < Self.limitPerPerson
    else { return .tooMany }
    answered[login.id] = Answered(person: person, until: now.adding(seconds: ProgramLogin.lifetime * 2))
    return .first
  }

  func isAnswered(_ login: ProgramLogin, now: UnixTime) -> Bool { answered[login.id].map { now < $0.until } ?? false }
}
