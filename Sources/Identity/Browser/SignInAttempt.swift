import EdgeCrypto
import Policy

/// One browser's attempt to sign in at the provider. It lives in a sealed cookie of its own, so that any number of tabs
/// may try at once, nobody can fill a table of ours, and a callback in another browser finds nothing.
struct SignInAttempt: Sendable, Hashable {
  /// How long a person may take at the provider, in seconds.
  static let lifetime: Int64 = 600
  /// The cookie stays longer, so that whoever comes back too late is told so, and led back to where they began.
  static let cookieLifetime: Int64 = 3600
  /// Older attempts beyond this many are cleared: browsers send every cookie with every request.
  static let maximumPerBrowser = 8

  let state: String
  let nonce: String
  /// PKCE (RFC 7636).
  let verifier: String
  let startedAt: UnixTime
  let returnTo: SignInReturn
  /// As `Session.client`.
  let client: String?

  init(returnTo: SignInReturn, client: String? = nil, now: UnixTime, random: RandomSource) {
    state = Base64.encodeURL(random(16))
    nonce = Base64.encodeURL(random(16))
    verifier = Base64.encodeURL(random(32))
    startedAt = now
    self.returnTo = returnTo
    self.client = client
  }

  var challenge: String { Base64.encodeURL(Digest.sha256(Array(verifier.utf8))) }

  func isLive(at now: UnixTime) -> Bool { now < startedAt.adding(seconds: Self.lifetime) }

  static func cookiePrefix(_ cookieName: String) -> String { "__Host-\(cookieName)_attempt_" }

  static func cookieName(_ state: String, _ cookieName: String) -> String {
    cookiePrefix(cookieName) + Base64.encodeURL(Array(Digest.sha256(Array(state.utf8)).prefix(9)))
  }

  func sealed(key: [UInt8]) throws(IdentityError) -> String {
    var members: [String: ClaimValue] = [
      "state": .string(state), "nonce": .string(nonce), "verifier": .string(verifier), "at": .time(startedAt),
      "return": returnTo.claim,
    ]
    if let client { members["client"] = .string(client) }
    do throws(CryptoError) {
      return Base64.encodeURL(try SealedBox.seal(key: key, JSONWriter.bytes(.object(members)), aad: Self.aad))
    } catch {
      throw IdentityError(.storage, "The sign-in could not be started.", diagnostics: "\(error)")
    }
  }

  init?(sealed text: String, key: [UInt8]) {
    guard text.utf8.count <= 8192, let box = Base64.decodeURL(text),
      let content = SealedBox.open(key: key, box, aad: Self.aad), let value = try? JSONReader.parse(content),
      let state = value.text("state"), let nonce = value.text("nonce"), let verifier = value.text("verifier"),
      let startedAt = value.member("at")?.asTime, let returnTo = value.member("return").flatMap({ SignInReturn($0) })
    else { return nil }
    self.state = state
    self.nonce = nonce
    self.verifier = verifier
    self.startedAt = startedAt
    self.returnTo = returnTo
    client = value.text("client")
  }

  private static let aad = Array("sign-in attempt".utf8)
}

/// The states that have come back, so that none comes back twice.
struct UsedStates: Sendable {
  private static let limit = 4096
  private var known: Set<String> = []
  private var order: [String] = []

  /// Whether this is the first time.
  mutating func use(_ state: String) -> Bool {
    guard known.insert(state).inserted else { return false }
    order.append(state)
    if order.count > Self.limit {
      for old in order.prefix(Self.limit / 2) { known.remove(old) }
      order.removeFirst(Self.limit / 2)
    }
    return true
  }
}
