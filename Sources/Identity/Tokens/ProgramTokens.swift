import EdgeCrypto
import Policy
import Synchronization

/// Every token of a person's programs, in memory; the store follows. Lock order: this lock may be held while the session
/// directory's is taken, never the other way round.
final class ProgramTokens: Sendable {
  private struct State {
    var tokens: [String: ProgramToken] = [:]
    var codes: [[UInt8]: Exchange] = [:]
  }

  /// A token that waits for its program to ask for it with the verifier of its challenge.
  private struct Exchange {
    var token: EdgeToken
    var challenge: String
    var expiresAt: UnixTime
  }

  /// In seconds.
  static let codeLifetime: Int64 = 60
  /// One place for each person who approves within the same minute.
  static let maximumCodes = 4096

  private let sessions: SessionDirectory
  private let clock: UnixClock
  private let state = Mutex(State())

  init(sessions: SessionDirectory, clock: @escaping UnixClock) {
    self.sessions = sessions
    self.clock = clock
  }

  func load(_ tokens: [ProgramToken]) {
    state.withLock { state in
      for token in tokens { state.tokens[token.id] = token }
    }
  }

  /// A live token and the session it stands for.
  func find(_ id: String) -> (ProgramToken, Session)? { state.withLock { live($0.tokens[id]) } }

  /// The same, noting that it was used.
  func use(_ token: EdgeToken) -> (ProgramToken, Session)? {
    let id = ProgramToken.id(of: token)
    let now = clock()
    return state.withLock { state in
      guard let found = live(state.tokens[id]) else { return nil }
      state.tokens[id]?.lastUsedAt = now
      return found
    }
  }

  /// Every live token of a person, the latest first.
  func tokens(of subject: Subject) -> [ProgramToken] {
    let all = state.withLock { Array($0.tokens.values) }
    return all.compactMap { live($0) }.filter { $0.1.subject.isSamePerson(as: subject) }
      .map(\.0).sorted { $0.approvedAt > $1.approvedAt }
  }

  func insert(_ token: ProgramToken) { state.withLock { $0.tokens[token.id] = token } }

  @discardableResult
  func remove(_ id: String) -> ProgramToken? { state.withLock { $0.tokens.removeValue(forKey: id) } }

  func removeAll(sessionIDs: Set<String>) -> [ProgramToken] {
    state.withLock { state in
      let ended = state.tokens.values.filter { sessionIDs.contains($0.sessionID) }
      for token in ended { state.tokens[token.id] = nil }
      return ended
    }
  }

  func contains(_ id: String) -> Bool { state.withLock { $0.tokens[id] != nil } }

  // MARK: Codes

  /// A code for which the program gets the token, once; `nil` when all places are taken.
  func issueCode(for token: EdgeToken, challenge: String, random: RandomSource) -> String? {
    let now = clock()
    let code = Base64.encodeURL(random(16))
    return state.withLock { state in
      if state.codes.count >= Self.maximumCodes { state.codes = state.codes.filter { now < $0.value.expiresAt } }
      guard state.codes.count < Self.maximumCodes else { return nil }
      state.codes[Digest.sha256(code)] = Exchange(
        token: token, challenge: challenge, expiresAt: now.adding(seconds: Self.codeLifetime))
      return code
    }
  }

  /// Whatever comes of it, the code is used up. With a wrong verifier its token is nobody's: the next sweep takes it out.
  func redeem(code: String, verifier: String) -> (EdgeToken, ProgramToken)? {
    let now = clock()
    let proof = Base64.encodeURL(Digest.sha256(verifier))
    return state.withLock { state in
      let hash = Digest.sha256(code)
      guard let exchange = state.codes[hash], now < exchange.expiresAt else { return nil }
      guard constantTimeEquals(Array(proof.utf8), Array(exchange.challenge.utf8)) else {
        state.codes[hash]?.expiresAt = now
        return nil
      }
      state.codes[hash] = nil
      guard let (token, _) = live(state.tokens[ProgramToken.id(of: exchange.token)]) else { return nil }
      return (exchange.token, token)
    }
  }

  /// Codes that nobody came for; their tokens are nobody's.
  func removeUnclaimed(at now: UnixTime) -> [ProgramToken] {
    state.withLock { state in
      guard !state.codes.isEmpty else { return [] }
      let ended = state.codes.filter { now >= $0.value.expiresAt }
      for hash in ended.keys { state.codes[hash] = nil }
      return ended.values.compactMap { state.tokens.removeValue(forKey: ProgramToken.id(of: $0.token)) }
    }
  }

  private func live(_ token: ProgramToken?) -> (ProgramToken, Session)? {
    let now = clock()
    guard let token, now < token.expiresAt, let session = sessions.session(token.sessionID, at: now) else { return nil }
    return (token, session)
  }
}
