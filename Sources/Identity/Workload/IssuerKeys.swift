import Policy

/// The keys of one issuer of workload tokens: fetched when first needed, kept for an hour, and fetched again when a token
/// names one that is not known, a few times a minute at most. However many tokens wait, they are fetched once at a time.
actor IssuerKeys {
  private let issuer: WorkloadIssuer
  private let fetcher: any Fetcher
  private let clock: UnixClock
  private var known: (keys: ProviderKeys, since: UnixTime)?
  private var failed: (refusal: WorkloadRefusal, at: UnixTime)?
  private var fetch: Task<Result<ProviderKeys, WorkloadRefusal>, Never>?
  private var refetches = RefetchBudget()
  /// Tokens that wait for keys.
  private var waiting = 0

  /// How long keys are used without asking again, in seconds: a key that the issuer has taken back is good for no longer.
  static let lifetime: Int64 = 3600
  /// After a failure nobody asks again for so long, in seconds.
  static let pause: Int64 = 2
  /// No honest description or key set is longer.
  static let maximumBytes = 256 << 10
  private static let timeout = 5_000
  /// Tokens that wait for keys at once: an issuer that is slow takes no places of others, nor of tokens whose key is known.
  static let maximumWaiting = 32

  init(_ issuer: WorkloadIssuer, fetcher: any Fetcher, clock: @escaping UnixClock) {
    self.issuer = issuer
    self.fetcher = fetcher
    self.clock = clock
  }

  /// Checks a token with the keys at hand, and once more with newer ones where that could help.
  func verify(_ token: SignedToken) async throws(WorkloadRefusal) -> WorkloadToken {
    let now = clock()
    if let known, now < known.since.adding(seconds: Self.lifetime) {
      do throws(TokenFault) { return try check(token, known.keys) } catch {
        guard error.mayBeStaleKeys, fetch != nil || refetches.take(at: now) else { throw Self.refusal(error) }
      }
    }
    let keys = try await freshKeys()
    do throws(TokenFault) { return try check(token, keys) } catch { throw Self.refusal(error) }
  }

  private func check(_ token: SignedToken, _ keys: ProviderKeys) throws(TokenFault) -> WorkloadToken {
    try WorkloadToken(token, keys: keys, issuer: issuer, now: clock())
  }

  private static func refusal(_ fault: TokenFault) -> WorkloadRefusal {
    WorkloadRefusal(.untrusted, "The token is refused: \(fault).")
  }

  private func freshKeys() async throws(WorkloadRefusal) -> ProviderKeys {
    if let failed, clock() < failed.at.adding(seconds: Self.pause) { throw failed.refusal }
    guard waiting < Self.maximumWaiting else {
      throw WorkloadRefusal(
        .unavailable, "Too many tokens wait for the keys of this issuer. Try again.", retryAfter: Self.pause)
    }
    waiting += 1
    defer { waiting -= 1 }
    let task =
      fetch
      ?? Task { () -> Result<ProviderKeys, WorkloadRefusal> in
        let result: Result<ProviderKeys, WorkloadRefusal>
        do throws(WorkloadRefusal) {
          let keys = try await fetchKeys()
          known = (keys, clock())
          failed = nil
          result = .success(keys)
        } catch {
          failed = (error, clock())
          result = .failure(error)
        }
        fetch = nil
        return result
      }
    fetch = task
    return try await task.value.get()
  }

  private func fetchKeys() async throws(WorkloadRefusal) -> ProviderKeys {
    let url: String
    if let written = issuer.keysURL { url = written } else { url = try await discover() }
    let document = try await document(url)
    do throws(TokenFault) { return try ProviderKeys(document) } catch { throw unusable("\(url): \(error)") }
  }

  /// OpenID Connect Discovery 4. Issuers of workload tokens have no place where people sign in, so only two members matter.
  private func discover() async throws(WorkloadRefusal) -> String {
    let url = ProviderMetadata.url(issuer: issuer.name)
    let description = try await document(url)
    guard let name = description.text("issuer"), name.isSameBytes(as: issuer.name) else {
      throw unusable(
        "\(url) describes \(quoted(description.text("issuer") ?? "nobody")); write the same name as `issuer`")
    }
    guard let keys = description.text("jwks_uri"), let parsed = WebURL(keys),
      parsed.scheme == "https" || !issuer.name.hasPrefix("https:")
    else { throw unusable("\(url) names no `jwks_uri` with https; write one beside `issuer`") }
    return keys
  }

  private func document(_ url: String) async throws(WorkloadRefusal) -> ClaimValue {
    var request = FetchRequest(.get, url, headers: [("Accept", "application/json")])
    request.maximumBytes = Self.maximumBytes
    request.timeoutMilliseconds = Self.timeout
    let response: FetchResponse
    do throws(FetchError) { response = try await fetcher.fetch(request) } catch {
      throw unavailable("\(error)")
    }
    guard response.body.count <= Self.maximumBytes else {
      throw unusable("\(url) answers with more than \(Self.maximumBytes) bytes")
    }
    guard response.status == 200 else {
      throw unavailable("\(url) answered with status \(response.status); 200 was expected")
    }
    do throws(JSONFault) { return try JSONReader.parse(response.body) } catch { throw unusable("\(url): \(error)") }
  }

  private func unavailable(_ why: String) -> WorkloadRefusal {
    WorkloadRefusal(
      .unavailable, "The keys of the token's issuer cannot be fetched at the moment. Try again.", diagnostics: why,
      retryAfter: Self.pause)
  }

  private func unusable(_ why: String) -> WorkloadRefusal {
    WorkloadRefusal(
      .unavailable,
      "The keys of the token's issuer cannot be used. Whoever runs this edge finds the reason in its log.",
      diagnostics: why, retryAfter: Self.pause)
  }
}
