import EdgeCrypto
import Synchronization

/// What is under way: sign-ins waiting for a password, codes waiting to be redeemed, and which refresh tokens are current. In
/// memory, as the demo's Dex file says (`storage: {type: memory}`).
final class GrantTable: Sendable {
  private let lifetimes: ProviderConfiguration.Lifetimes
  private let random: RandomSource
  private let seal: RefreshTokenSeal
  /// Refresh tokens that are older are unknown only because we were restarted.
  private let startedAt: Int64
  private let state = Mutex<State>(.init())

  private struct State {
    var requests: [String: AuthorizationRequest] = [:]
    var codes: [String: Code] = [:]
    var refresh: [String: RefreshRecord] = [:]
  }

  private struct Code {
    var grant: Grant
    var expiresAt: Int64
    /// Kept after the first use, to notice a second one.
    var wasUsed = false
    var refreshID: String?
  }

  /// Entries of one kind beyond this number push out the oldest: nobody can fill the memory.
  private static let most = 4096

  init(
    lifetimes: ProviderConfiguration.Lifetimes, seal: RefreshTokenSeal, random: @escaping RandomSource, startedAt: Int64
  ) {
    self.lifetimes = lifetimes
    self.seal = seal
    self.random = random
    self.startedAt = startedAt
  }

  // MARK: Sign-ins under way

  func begin(_ request: AuthorizationRequest) -> String {
    let id = token(16)
    state.withLock { state in
      if state.requests.count >= Self.most,
        let oldest = state.requests.min(by: { $0.value.expiresAt < $1.value.expiresAt })
      {
        state.requests[oldest.key] = nil
      }
      state.requests[id] = request
    }
    return id
  }

  func request(_ id: String, now: Int64) -> AuthorizationRequest? {
    state.withLock { state in
      guard let request = state.requests[id] else { return nil }
      guard request.expiresAt > now else {
        state.requests[id] = nil
        return nil
      }
      return request
    }
  }

  func setAccount(_ account: ProviderConfiguration.Account, of id: String) {
    state.withLock { $0.requests[id]?.account = account }
  }

  /// Takes the sign-in out: whoever gets it is the only one.
  func finish(_ id: String) -> AuthorizationRequest? { state.withLock { $0.requests.removeValue(forKey: id) } }

  // MARK: Codes

  func makeCode(for grant: Grant, now: Int64) -> String {
    let code = token(24)
    state.withLock { state in
      state.codes = state.codes.filter { $0.value.expiresAt > now }
      if state.codes.count >= Self.most, let oldest = state.codes.min(by: { $0.value.expiresAt < $1.value.expiresAt }) {
        state.codes[oldest.key] = nil
      }
      state.codes[code] = Code(grant: grant, expiresAt: now + lifetimes.codes)
    }
    return code
  }

  enum Redemption {
    case grant(Grant)
    /// Unknown, expired, of another client, or used before: then what came of it is void as well (RFC 6749, 4.1.2).
    case refused
  }

  /// A code is looked at once: also a try with the wrong verifier or address uses it up.
  func redeem(code: String, client: String, now: Int64) -> Redemption {
    state.withLock { state in
      guard let found = state.codes[code], found.expiresAt > now, found.grant.clientID == client else {
        return .refused
      }
      guard !found.wasUsed else {
        if let refreshID = found.refreshID { state.refresh[refreshID] = nil }
        return .refused
      }
      state.codes[code]?.wasUsed = true
      return .grant(found.grant)
    }
  }

  // MARK: Refresh tokens

  /// `nil` when it cannot be sealed; the sign-in then goes without.
  func makeRefreshToken(for grant: Grant, code: String, now: Int64) -> String? {
    let id = token(12)
    let secret = token(24)
    state.withLock { state in
      if state.refresh.count >= Self.most, let oldest = state.refresh.min(by: { $0.value.lastUsed < $1.value.lastUsed })
      {
        state.refresh[oldest.key] = nil
      }
      state.refresh[id] = RefreshRecord(grant: grant, secret: secret, createdAt: now)
      state.codes[code]?.refreshID = id
    }
    return seal.token(.init(id: id, secret: secret, grant: grant, createdAt: now, issuedAt: now))
  }

  enum Refresh {
    case grant(Grant, token: String)
    case refused(String)
  }

  /// As Dex does it: within the reuse interval the same token comes back; after it a new one, and the one before works for
  /// the interval longer.
  func refresh(_ text: String, client: String, now: Int64) -> Refresh {
    guard let content = seal.open(text), content.grant.clientID == client else {
      return .refused("The refresh token is unknown or was issued to another client.")
    }
    let fresh = token(24)
    let used = state.withLock { state -> (secret: String, record: RefreshRecord)? in
      var known = state.refresh[content.id]
      if known == nil, content.issuedAt < startedAt {
        known = RefreshRecord(grant: content.grant, secret: content.secret, createdAt: content.createdAt)
        known?.lastUsed = content.issuedAt
      }
      guard var record = known, !record.isExpired(now: now, lifetimes: lifetimes),
        let secret = record.use(content.secret, fresh: fresh, now: now, lifetimes: lifetimes)
      else { return nil }
      state.refresh[content.id] = record
      return (secret, record)
    }
    guard let used else { return .refused("The refresh token has expired or was claimed by another client.") }
    // The same secret is the same token: within the reuse interval nothing changes.
    if used.secret == content.secret { return .grant(used.record.grant, token: text) }
    let next = seal.token(
      .init(
        id: content.id, secret: used.secret, grant: used.record.grant, createdAt: used.record.createdAt,
        issuedAt: used.record.lastUsed))
    guard let next else { return .refused("No new refresh token can be made.") }
    return .grant(used.record.grant, token: next)
  }

  private func token(_ bytes: Int) -> String { Base64.encodeURL(random(bytes)) }
}
