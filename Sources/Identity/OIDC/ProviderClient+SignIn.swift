import Logging
import Policy

/// OpenID Connect: authorization code with PKCE, state and nonce, and an ID token that says who it is.
extension ProviderClient: SignInProvider {
  nonisolated var sharesGrants: Bool { false }

  func check() async throws(IdentityError) { _ = try await discover() }

  func authorizationURL(_ request: AuthorizationRequest) async throws(IdentityError) -> String {
    let metadata = try await discover()
    var parameters = [
      ("response_type", "code"), ("client_id", configuration.clientID), ("redirect_uri", request.redirectURI),
      ("scope", configuration.scopes.joined(separator: " ")), ("state", request.state), ("nonce", request.nonce),
      ("code_challenge", request.challenge), ("code_challenge_method", "S256"),
    ]
    configuration.add(to: &parameters, choosing: request.choosesAccount ? choosing(metadata) : nil)
    let separator = metadata.authorizationEndpoint.contains("?") ? "&" : "?"
    return metadata.authorizationEndpoint + separator + QueryString.encode(parameters)
  }

  /// Every provider knows `login`, after which another name can be typed; some offer a list.
  private func choosing(_ metadata: ProviderMetadata) -> String {
    let offersList = ["google", "azure"].contains(configuration.name) || metadata.prompts.contains("select_account")
    return offersList ? "select_account" : "login"
  }

  func checkCallback(issuer: String?) async throws(IdentityError) {
    let metadata = try await discover()
    if issuer == nil, !metadata.namesIssuerInCallback { return }
    let isTemplate = metadata.issuer.contains(TenantIssuer.placeholder)
    // Of many tenants, the token says which it is.
    guard let issuer, issuer == metadata.issuer || isTemplate else {
      throw IdentityError(
        .tokenRefused, "The answer did not come from the identity provider that was asked.",
        diagnostics: "the callback names the issuer \(quoted(issuer ?? "")); \(quoted(metadata.issuer)) was expected")
    }
  }

  func signIn(_ callback: AuthorizationCallback) async throws(IdentityError) -> ProviderAnswer {
    let metadata = try await discover()
    let answer = try await requestTokens([
      ("grant_type", "authorization_code"), ("code", callback.code), ("redirect_uri", callback.redirectURI),
      ("code_verifier", callback.verifier),
    ])
    guard let token = answer.idToken else {
      throw IdentityError(
        .tokenRefused, "The identity provider did not say who signed in.",
        diagnostics: "no id_token from \(metadata.tokenEndpoint); idp_scopes must contain openid")
    }
    let idToken = try await verify(
      token,
      expect: IDToken.Expectation(
        issuer: metadata.issuer, clientID: configuration.clientID, nonce: callback.nonce,
        accessToken: answer.accessToken, now: clock()))
    var claims = ClaimMerger(idToken: idToken.claims)
    // Where the token says what policies ask for, people are signed in although userinfo fails. Without it a rule that denies
    // a group would let its members in. Userinfo about somebody else, or one that lets this person in no more, signs nobody in.
    do throws(IdentityError) {
      try await addUserinfo(&claims, of: idToken.subject, accessToken: answer.accessToken)
    } catch {
      guard isWhole(claims), error.kind != .tokenRefused, error.kind != .withdrawn else { throw error }
      logger.warning("userinfo not read", metadata: ["error": "\(error)"])
    }
    return ProviderAnswer(
      tokens: answer, person: ProvedPerson(issuer: idToken.issuer, userID: idToken.subject, claims: claims))
  }

  func renew(
    _ grant: String, of person: Subject, keep: @Sendable (TokenAnswer) async -> Void
  ) async throws(IdentityError) -> ProvedPerson? {
    let answer = try await requestTokens([("grant_type", "refresh_token"), ("refresh_token", grant)])
    await keep(answer)
    var claims: ClaimMerger
    var refusal: IdentityError?
    if let token = answer.idToken {
      let idToken = try await verify(
        token,
        expect: IDToken.Expectation(
          issuer: person.issuer, clientID: configuration.clientID, subject: person.userID,
          accessToken: answer.accessToken, now: clock()))
      claims = ClaimMerger(idToken: idToken.claims)
      do throws(IdentityError) {
        try await addUserinfo(&claims, of: person.userID, accessToken: answer.accessToken)
      } catch {
        guard error.kind != .withdrawn, error.kind != .tokenRefused else { throw error }
        // What userinfo said last time is true until it says something else: nobody loses groups because it is slow.
        logger.warning("userinfo not read", metadata: ["error": "\(error)"])
        if error.refusesToken, !isWhole(claims) { refusal = error }
        claims.add(userinfo: .object(person.claims))
      }
    } else {
      // Several providers send no ID token on refresh; userinfo then says what is true now.
      guard let accessToken = answer.accessToken, let userinfo = try await userinfo(accessToken: accessToken) else {
        return nil
      }
      guard userinfo.text("sub")?.isSameBytes(as: person.userID) == true else {
        throw IdentityError(.tokenRefused, "The identity provider's answers are about different people.")
      }
      claims = ClaimMerger(idToken: userinfo)
      // What only ID tokens say stays as it was. Groups are left out by some providers when there are none any more.
      var old = person.claims
      if userinfoNamesGroups != false { old[configuration.groupsClaim] = nil }
      claims.add(userinfo: .object(old))
    }
    claims.keepProviderSession(of: person.claims)
    return ProvedPerson(issuer: person.issuer, userID: person.userID, claims: claims, refusal: refusal)
  }

  /// Whether an ID token says by itself what policies ask for.
  private func isWhole(_ claims: ClaimMerger) -> Bool {
    claims.claims["email"] != nil && claims.claims[configuration.groupsClaim] != nil
  }

  /// What the token left out.
  private func addUserinfo(
    _ claims: inout ClaimMerger, of subject: String, accessToken: String?
  ) async throws(IdentityError) {
    // An empty list says nothing of what userinfo does for others, who have some.
    let named = claims.claims[configuration.groupsClaim]
    let namesGroups = named != nil && named != .list([]) && named != .null
    // Once also where the token says everything: a refresh may bring no token, and then it counts what userinfo leaves out.
    guard let accessToken,
      claims.lacksAnything(groupsClaim: configuration.groupsClaim) || userinfoNamesGroups == nil,
      let userinfo = try await userinfo(accessToken: accessToken)
    else { return }
    guard userinfo.text("sub")?.isSameBytes(as: subject) == true else {
      throw IdentityError(
        .tokenRefused, "The identity provider's answers are about different people.",
        diagnostics:
          "userinfo is about \(quoted(userinfo.text("sub") ?? "nobody")), the ID token about \(quoted(subject))")
    }
    if userinfo.member(configuration.groupsClaim) != nil {
      userinfoNamesGroups = true
    } else if namesGroups {
      userinfoNamesGroups = false
    }
    claims.add(userinfo: userinfo)
  }
}

extension FetchResponse {
  /// RFC 6750 section 3.1: the token is good, but not for this. That says nothing about the person.
  var asksForScope: Bool {
    headers.contains { $0.name.lowercased() == "www-authenticate" && $0.value.contains("insufficient_scope") }
  }
}
