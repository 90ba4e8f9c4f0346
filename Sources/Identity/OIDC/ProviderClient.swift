import Logging
import Policy

/// What we ask of a provider over HTTP: discovery, keys, tokens, and who somebody is.
///
/// Discovery is lazy and kept; keys are kept and fetched again when a token names one that is not known, a few times a
/// minute at most. However many sign-ins wait, each document is fetched once at a time.
actor ProviderClient {
  nonisolated let configuration: ProviderConfiguration
  nonisolated let clock: UnixClock
  nonisolated let logger: Logger
  private let fetcher: any Fetcher
  private var metadata: Kept<ProviderMetadata>?
  private var keys: Kept<ProviderKeys>?
  private var metadataFetch: Task<Result<ProviderMetadata, IdentityError>, Never>?
  private var keysFetch: Task<Result<ProviderKeys, IdentityError>, Never>?
  /// For each kind of token its own: logout tokens come from anybody, and forged ones must not keep sign-ins from new keys.
  private var refetches: [SignedToken.Trade: RefetchBudget] = [:]
  private var keysFailure: KeysFailure?
  /// Whether userinfo names the groups of people who have some, as far as that was seen.
  var userinfoNamesGroups: Bool?

  private struct Kept<Value: Sendable> {
    var value: Value
    var since: UnixTime
  }

  private struct KeysFailure {
    var error: IdentityError
    var since: UnixTime
  }

  /// How long a failure to fetch the keys answers all who ask, in seconds: whoever sends tokens must not make us ask a
  /// provider that is down again and again.
  static let keysFailureLifetime: Int64 = 2
  /// How long a document is used without asking again, in seconds.
  static let documentLifetime: Int64 = 3600
  /// How long discovery serves while it is asked again.
  static let staleLifetime: Int64 = 86_400

  init(
    configuration: ProviderConfiguration, fetcher: any Fetcher, clock: @escaping UnixClock,
    logger: Logger = Logger(label: "identity")
  ) {
    self.logger = logger
    self.configuration = configuration
    self.fetcher = fetcher
    self.clock = clock
  }

  func discover() async throws(IdentityError) -> ProviderMetadata {
    let now = clock()
    if let metadata, now < metadata.since.adding(seconds: Self.documentLifetime) { return metadata.value }
    let fetch = metadataFetch ?? startDiscovery()
    // Its endpoints were checked a while ago and are asked again meanwhile; nobody waits for a provider that is slow.
    if let metadata, now < metadata.since.adding(seconds: Self.staleLifetime) { return metadata.value }
    switch await fetch.value {
    case .success(let metadata): return metadata
    case .failure(let error):
      // What was true yesterday serves better than nothing.
      if let metadata, error.kind == .providerUnreachable { return metadata.value }
      throw error
    }
  }

  /// What is known of the provider without asking it.
  var knownMetadata: ProviderMetadata? { metadata?.value }

  /// Checks a token with the keys at hand, and once more with newer ones where that could help.
  func verify(_ token: String, expect: IDToken.Expectation) async throws(IdentityError) -> IDToken {
    try await withKeys(token, as: .identity) { signed, keys throws(TokenFault) in
      try IDToken(signed, keys: keys, expect: expect)
    }
  }

  func verifyLogout(_ token: String, expect: IDToken.Expectation) async throws(IdentityError) -> LogoutToken {
    try await withKeys(token, as: .logout) { signed, keys throws(TokenFault) in
      try LogoutToken(signed, keys: keys, expect: expect)
    }
  }

  private func withKeys<Token: Sendable>(
    _ text: String, as trade: SignedToken.Trade, _ check: (SignedToken, ProviderKeys) throws(TokenFault) -> Token
  ) async throws(IdentityError) -> Token {
    let what = trade == .logout ? "logout token" : "ID token"
    do {
      // What is no token at all makes nobody fetch keys.
      let signed = try SignedToken(text, as: trade)
      let now = clock()
      if let keys, now < keys.since.adding(seconds: Self.documentLifetime) {
        do throws(TokenFault) { return try check(signed, keys.value) } catch {
          guard error.mayBeStaleKeys, keysFetch != nil || refetches[trade, default: RefetchBudget()].take(at: now)
          else { throw error }
        }
      }
      return try check(signed, try await freshKeys())
    } catch let fault as TokenFault {
      throw IdentityError(
        .tokenRefused, "The identity provider's answer did not pass the checks. Please sign in again.",
        diagnostics: "\(what) from \(configuration.issuer): \(fault)")
    } catch let error as IdentityError {
      throw error
    } catch {
      throw IdentityError(
        .tokenRefused, "The identity provider's answer could not be checked.", diagnostics: "\(error)")
    }
  }

  /// POSTs to the token endpoint with the client's credentials.
  func requestTokens(_ parameters: [(String, String)]) async throws(IdentityError) -> TokenAnswer {
    let metadata = try await discover()
    var form = parameters
    var request = FetchRequest(.post, metadata.tokenEndpoint)
    request.headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    TokenAnswer.authenticate(&request, &form, configuration, metadata.clientAuthentication)
    request.body = Array(QueryString.encode(form).utf8)
    let response: FetchResponse
    do throws(IdentityError) { response = try await fetch(request) } catch { throw error.aboutPerson }
    let secrets = parameters.filter { Self.secretParameters.contains($0.0) }.map(\.1) + [configuration.clientSecret]
    return try TokenAnswer(response, url: metadata.tokenEndpoint, secrets: secrets)
  }

  private static let secretParameters: Set<String> = ["code", "code_verifier", "refresh_token"]

  func revoke(_ token: String, _ kind: TokenKind) async throws(IdentityError) -> Bool {
    let metadata = try await discover()
    guard let endpoint = metadata.revocationEndpoint else { return false }
    var form = [("token", token), ("token_type_hint", kind.rawValue)]
    var request = FetchRequest(.post, endpoint)
    request.headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    TokenAnswer.authenticate(&request, &form, configuration, metadata.revocationAuthentication)
    request.body = Array(QueryString.encode(form).utf8)
    let response = try await fetch(request)
    // RFC 7009 section 2.2: 200 also where it was worthless already.
    guard response.status == 200 else {
      throw IdentityError(
        response.status >= 500 ? .providerUnreachable : .providerMisbehaved,
        "The identity provider did not take the token back.",
        diagnostics: "\(endpoint) answered with status \(response.status); 200 was expected")
    }
    return true
  }

  /// The userinfo document, or nil when the provider has none.
  func userinfo(accessToken: String) async throws(IdentityError) -> ClaimValue? {
    guard let endpoint = try await discover().userinfoEndpoint else { return nil }
    var request = FetchRequest(.get, endpoint)
    request.headers = [("Authorization", "Bearer \(accessToken)"), ("Accept", "application/json")]
    // As long as an ID token may be: what it says is kept as long as the session.
    request.maximumBytes = SignedToken.maximumLength
    do throws(IdentityError) { return try await read(request, endpoint) } catch { throw error.aboutPerson }
  }

  private func read(_ request: FetchRequest, _ endpoint: String) async throws(IdentityError) -> ClaimValue {
    let response = try await fetch(request)
    if response.status == 401 || response.status == 403 && !response.asksForScope {
      throw IdentityError(
        .withdrawn, "The identity provider does not let this account in any more. Please sign in again.",
        diagnostics: "\(endpoint) answered with status \(response.status) to an access token it gave")
    }
    return try document(response, url: endpoint)
  }

  private func startDiscovery() -> Task<Result<ProviderMetadata, IdentityError>, Never> {
    let task = Task { () -> Result<ProviderMetadata, IdentityError> in
      let result: Result<ProviderMetadata, IdentityError>
      do throws(IdentityError) {
        let url = ProviderMetadata.url(issuer: configuration.issuer)
        let document = try document(try await fetch(FetchRequest(.get, url)), url: url)
        result = .success(
          try ProviderMetadata(
            document, configuredIssuer: configuration.issuer, provider: configuration.name))
      } catch {
        result = .failure(error)
      }
      if case .success(let value) = result {
        // Another key document may belong to another provider of the same name.
        if let old = metadata?.value, old.keysURL != value.keysURL { keys = nil }
        metadata = Kept(value: value, since: clock())
      }
      metadataFetch = nil
      return result
    }
    metadataFetch = task
    return task
  }

  private func freshKeys() async throws(IdentityError) -> ProviderKeys {
    if let keysFetch { return try await keysFetch.value.get() }
    let now = clock()
    if let failure = keysFailure, failure.since <= now,
      now < failure.since.adding(seconds: Self.keysFailureLifetime)
    {
      throw failure.error
    }
    let url = try await discover().keysURL
    // Somebody else may have started while this waited.
    if let keysFetch { return try await keysFetch.value.get() }
    let task = Task { () -> Result<ProviderKeys, IdentityError> in
      let result = await fetchKeys(url)
      switch result {
      case .success(let value):
        keys = Kept(value: value, since: clock())
        keysFailure = nil
      case .failure(let error): keysFailure = KeysFailure(error: error, since: clock())
      }
      keysFetch = nil
      return result
    }
    keysFetch = task
    return try await task.value.get()
  }

  private func fetchKeys(_ url: String) async -> Result<ProviderKeys, IdentityError> {
    do throws(IdentityError) {
      let document = try document(try await fetch(FetchRequest(.get, url)), url: url)
      do throws(TokenFault) { return .success(try ProviderKeys(document)) } catch {
        throw IdentityError(
          .providerMisbehaved, "The identity provider's keys cannot be read.", diagnostics: "\(url): \(error)")
      }
    } catch {
      return .failure(error)
    }
  }

  private func document(_ response: FetchResponse, url: String) throws(IdentityError) -> ClaimValue {
    guard response.status == 200 else {
      throw IdentityError(
        response.status >= 500 ? .providerUnreachable : .providerMisbehaved,
        "The identity provider answered with an error. Please try again in a moment.",
        diagnostics: "\(url) answered with status \(response.status); 200 was expected")
    }
    do throws(JSONFault) { return try JSONReader.parse(response.body) } catch {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be read.", diagnostics: "\(url): \(error)")
    }
  }

  private func fetch(_ request: FetchRequest) async throws(IdentityError) -> FetchResponse {
    do throws(FetchError) {
      let response = try await fetcher.fetch(request)
      guard response.body.count <= request.maximumBytes else {
        throw FetchError(.tooLarge, url: request.url, reason: "the answer is longer than \(request.maximumBytes) bytes")
      }
      return response
    } catch {
      throw IdentityError(fetching: error)
    }
  }
}

/// How often a token with an unknown key may make us ask for keys: five times in thirty seconds.
struct RefetchBudget: Sendable {
  static let limit = 5
  static let window: Int64 = 30
  private var taken: [UnixTime] = []

  mutating func take(at now: UnixTime) -> Bool {
    taken.removeAll { $0.adding(seconds: Self.window) <= now }
    guard taken.count < Self.limit else { return false }
    taken.append(now)
    return true
  }
}
