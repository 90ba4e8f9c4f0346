import EdgeCrypto
import Synchronization

/// What is under way: sign-ins waiting for a password, codes waiting to be redeemed, refresh tokens. In memory, as the demo's
/// Dex file says (`storage: {type: memory}`).
final class GrantTable: Sendable {
  private let lifetimes: ProviderConfiguration.Lifetimes
  private let random: RandomSource
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

  init(lifetimes: ProviderConfiguration.Lifetimes, random: @escaping RandomSource) {
    self.lifetimes = lifetimes
    self.random = random
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

  func makeRefreshToken(for grant: Grant, code: String, now: Int64) -> String {
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
    return "\(id).\(secret)"
  }

  enum Refresh {
    case grant(Grant, token: String)
    case refused(String)
  }

  /// As Dex does it: within the reuse interval the same token comes back; after it a new one, and the one before works for
  /// the interval longer.
  func refresh(_ text: String, client: String, now: Int64) -> Refresh {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return .refused("The refresh token is not one of ours.") }
    let id = String(parts[0])
    let secret = String(parts[1])
    let fresh = token(24)
    return state.withLock { state in
      guard var record = state.refresh[id], record.grant.clientID == client else {
        return .refused("The refresh token is unknown or was issued to another client.")
      }
      guard !record.isExpired(now: now, lifetimes: lifetimes) else {
        state.refresh[id] = nil
        return .refused("The refresh token has expired.")
      }
      guard let answer = record.use(secret, fresh: fresh, now: now, lifetimes: lifetimes) else {
        return .refused("The refresh token is invalid or has already been claimed by another client.")
      }
      state.refresh[id] = record
      return .grant(record.grant, token: "\(id).\(answer)")
    }
  }

  private func token(_ bytes: Int) -> String { Base64.encodeURL(random(bytes)) }
}
