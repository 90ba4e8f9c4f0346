import Logging
import Policy

/// Signing in with GitHub, which speaks OAuth 2 and tells by its REST API who somebody is.
///
/// The user's number is who they are (names are given up and taken by others); the verified primary address is their email;
/// their teams, as `organization/team`, are their groups.
struct GitHubClient: SignInProvider {
  let configuration: ProviderConfiguration
  let server: GitHubServer
  private let fetcher: any Fetcher
  private let clock: UnixClock
  private let logger: Logger

  /// GitHub keeps ten tokens of a person and takes the oldest away.
  let sharesGrants = true

  /// One page holds a hundred; more than these belong to nobody.
  static let mostPages = 10
  static let pageSize = 100
  static let mostBytes = 4 << 20
  private static let scopesOfTeams: Set<String> = ["read:org", "write:org", "admin:org", "repo", "user"]
  private static let scopesOfAddresses: Set<String> = ["user:email", "user"]

  init(configuration: ProviderConfiguration, fetcher: any Fetcher, clock: @escaping UnixClock, logger: Logger) {
    self.configuration = configuration
    server = GitHubServer(url: configuration.issuer)
    self.fetcher = fetcher
    self.clock = clock
    self.logger = logger
  }

  /// There is nothing to read before somebody signs in.
  func check() {}

  func authorizationURL(_ request: AuthorizationRequest) -> String {
    var parameters = [
      ("client_id", configuration.clientID), ("redirect_uri", request.redirectURI),
      ("scope", configuration.scopes.joined(separator: " ")), ("state", request.state),
      ("code_challenge", request.challenge), ("code_challenge_method", "S256"),
    ]
    configuration.add(to: &parameters, choosing: request.choosesAccount ? "select_account" : nil)
    return server.authorizationURL + "?" + QueryString.encode(parameters)
  }

  /// It names none; one that is named must be it.
  func checkCallback(issuer: String?) throws(IdentityError) {
    guard let issuer, issuer != server.issuer else { return }
    throw IdentityError(
      .tokenRefused, "The answer did not come from the identity provider that was asked.",
      diagnostics: "the callback names the issuer \(quoted(issuer)); \(quoted(server.issuer)) was expected")
  }

  func signIn(_ callback: AuthorizationCallback) async throws(IdentityError) -> ProviderAnswer {
    let grant = try await requestToken(
      [("code", callback.code), ("redirect_uri", callback.redirectURI), ("code_verifier", callback.verifier)],
      redirectURI: callback.redirectURI)
    return ProviderAnswer(tokens: answer(grant), person: try await person(grant.accessToken))
  }

  func renew(
    _ grant: String, of person: Subject, keep: @Sendable (TokenAnswer) async -> Void
  ) async throws(IdentityError) -> ProvedPerson? {
    guard var held = GitHubGrant(text: grant) else {
      throw IdentityError(.withdrawn, "This sign-in has ended. Please sign in again.", diagnostics: "no GitHub token")
    }
    if held.isEnding(at: clock()), let refreshToken = held.refreshToken {
      held = try await requestToken(
        [("grant_type", "refresh_token"), ("refresh_token", refreshToken)], redirectURI: "")
    }
    await keep(answer(held))
    let now: ProvedPerson
    do throws(IdentityError) { now = try await self.person(held.accessToken) } catch { throw error.aboutPerson }
    guard now.userID == person.userID else {
      throw IdentityError(.tokenRefused, "The identity provider's answers are about different people.")
    }
    return now
  }

  /// It speaks nothing that has a place for it.
  func revoke(_ token: String, _ kind: TokenKind) -> Bool { false }

  private func answer(_ grant: GitHubGrant) -> TokenAnswer {
    TokenAnswer(
      accessToken: grant.accessToken, refreshToken: grant.text,
      lifetime: grant.expiresAt.map { max($0.seconds - clock().seconds, 0) })
  }

  private func requestToken(
    _ parameters: [(String, String)], redirectURI: String
  ) async throws(IdentityError) -> GitHubGrant {
    var request = FetchRequest(.post, server.tokenURL)
    request.headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    let client = [("client_id", configuration.clientID), ("client_secret", configuration.clientSecret)]
    request.body = Array(QueryString.encode(client + parameters).utf8)
    let response = try await fetch(request)
    return try GitHubTokenAnswer.grant(response, url: server.tokenURL, redirectURI: redirectURI, now: clock())
  }

  private func person(_ token: String) async throws(IdentityError) -> ProvedPerson {
    let (user, _) = try await read("/user", token)
    guard let number = user.member("id")?.asNumber.flatMap({ Int64(exactly: $0) }), number > 0,
      let login = user.text("login"), !login.isEmpty
    else {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be read.",
        diagnostics: "\(server.api)/user: no id and login in the answer")
    }
    var claims = GitHubProfile.claims(user, login: login)
    claims["sub"] = .string(String(number))
    if !Self.scopesOfAddresses.isDisjoint(with: configuration.scopes), let email = try await primaryAddress(token) {
      claims["email"] = .string(email.address)
      claims["email_verified"] = .bool(email.isVerified)
    }
    if !Self.scopesOfTeams.isDisjoint(with: configuration.scopes) {
      claims["groups"] = .list(try await teams(token).map { .string($0) })
    }
    return ProvedPerson(
      issuer: server.issuer, userID: String(number), claims: ClaimMerger(idToken: .object(claims)))
  }

  private func primaryAddress(_ token: String) async throws(IdentityError) -> GitHubProfile.Address? {
    var found: GitHubProfile.Address?
    try await pages("/user/emails", token) { entry in
      if let address = GitHubProfile.Address(entry), address.isPrimary { found = address }
      return found == nil
    }
    return found
  }

  private func teams(_ token: String) async throws(IdentityError) -> [String] {
    var teams: [String] = []
    try await pages("/user/teams", token) { entry in
      if let team = GitHubProfile.team(entry) { teams.append(team) }
      return true
    }
    return teams
  }

  /// Reads a list page by page. The numbers are ours: an address in the answer would choose where the token goes.
  private func pages(
    _ path: String, _ token: String, _ take: (ClaimValue) -> Bool
  ) async throws(IdentityError) {
    for page in 1...Self.mostPages {
      let (document, hasMore) = try await read("\(path)?per_page=\(Self.pageSize)&page=\(page)", token)
      guard case .list(let entries) = document else {
        throw IdentityError(
          .providerMisbehaved, "The identity provider's answer cannot be read.",
          diagnostics: "\(server.api)\(path): a list was expected")
      }
      for entry in entries where !take(entry) { return }
      guard hasMore, !entries.isEmpty else { return }
    }
    // To go on with a part of the list could leave out the very group that a policy denies. To go on with the list of before
    // would let a person keep what is taken from them: everyone may join as many teams as they found.
    throw IdentityError(
      .tokenRefused, "The identity provider's answer cannot be used.",
      diagnostics: "\(server.api)\(path): more than \(Self.mostPages * Self.pageSize) entries")
  }

  private func read(_ path: String, _ token: String) async throws(IdentityError) -> (ClaimValue, hasMore: Bool) {
    let url = server.api + path
    var request = FetchRequest(.get, url)
    request.headers = [
      ("Authorization", "Bearer \(token)"), ("Accept", "application/vnd.github+json"),
      ("X-GitHub-Api-Version", "2022-11-28"),
    ]
    request.maximumBytes = Self.mostBytes
    let response = try await fetch(request)
    guard response.status == 200 else { throw GitHubRefusal.error(response, url: url, now: clock()) }
    do throws(JSONFault) {
      let link = GitHubRefusal.header("link", response) ?? ""
      return (try JSONReader.parse(response.body), link.contains("rel=\"next\""))
    } catch {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be read.", diagnostics: "\(url): \(error)")
    }
  }

  private func fetch(_ request: FetchRequest) async throws(IdentityError) -> FetchResponse {
    do throws(FetchError) { return try await fetcher.fetch(request) } catch {
      throw IdentityError(fetching: error)
    }
  }
}
