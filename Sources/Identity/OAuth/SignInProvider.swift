import Policy

/// What signing in asks of a provider, whatever it speaks: OpenID Connect, or the OAuth of one that does not.
protocol SignInProvider: Sendable {
  var configuration: ProviderConfiguration { get }

  /// Whether any of a person's grants may answer for each of their sessions: the provider takes old ones away when there
  /// are many, and that says nothing about the person.
  var sharesGrants: Bool { get }

  /// Whether the provider is there, as far as that can be told before somebody signs in.
  func check() async throws(IdentityError)

  /// Where a browser goes to sign in.
  func authorizationURL(_ request: AuthorizationRequest) async throws(IdentityError) -> String

  /// RFC 9207: the answer must come from the provider that was asked. `issuer` is what the callback names.
  func checkCallback(issuer: String?) async throws(IdentityError)

  /// Exchanges the code that a callback brought.
  func signIn(_ callback: AuthorizationCallback) async throws(IdentityError) -> ProviderAnswer

  /// Asks again who somebody is. `keep` is told of the new grant before anything else is asked: the old one may be worthless
  /// from then on.
  /// - Returns: nil where the provider says no more than that the grant is good.
  func renew(
    _ grant: String, of person: Subject, keep: @Sendable (TokenAnswer) async -> Void
  ) async throws(IdentityError) -> ProvedPerson?

  /// Takes a token back (RFC 7009).
  /// - Returns: false where the provider has no place for that.
  func revoke(_ token: String, _ kind: TokenKind) async throws(IdentityError) -> Bool
}

/// As RFC 7009 section 2.1 names them in `token_type_hint`.
enum TokenKind: String, Sendable {
  case refreshToken = "refresh_token"
  case accessToken = "access_token"
}

/// What a browser is sent to the provider with.
struct AuthorizationRequest: Sendable {
  var redirectURI: String
  var state: String
  var nonce: String
  /// PKCE (RFC 7636), S256.
  var challenge: String
  /// The person wants another account than the one the provider would take by itself.
  var choosesAccount = false
}

/// What came back, with what this browser's attempt began with.
struct AuthorizationCallback: Sendable {
  var code: String
  var redirectURI: String
  var nonce: String
  var verifier: String
}

/// Who somebody is, as the provider says it.
struct ProvedPerson: Sendable {
  var issuer: String
  var userID: String
  var claims: ClaimMerger
  /// Why a part of the claims is what was known before.
  var refusal: IdentityError?
}

struct ProviderAnswer: Sendable {
  var tokens: TokenAnswer
  var person: ProvedPerson
}
