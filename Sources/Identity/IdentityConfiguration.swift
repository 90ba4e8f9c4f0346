import EdgeCrypto

/// What the admin wrote about signing in, as values.
package struct IdentityConfiguration: Sendable {
  /// `authenticate_service_url`: scheme, host and port, without a path.
  package var authenticateURL: String
  /// `shared_secret`: every key of ours is derived from it.
  package var sharedSecret: [UInt8]
  /// `cookie_secret`: protects cookies instead of a key derived from the shared secret.
  package var cookieSecret: [UInt8]?
  /// `cookie_name`, without the `__Host-` prefix that is always put before it.
  package var cookieName = "_pomerium"
  /// `cookie_expire`, in seconds: how long a session lasts.
  package var sessionLifetime: Int64 = 14 * 3600
  package var provider: ProviderConfiguration
  /// What routes with an `idp_client_id` of their own sign in with: other clients of the same provider.
  package var routeClients: [ProviderConfiguration] = []
  /// `signing_key`: a P-256 key for assertions; without one it is derived from the shared secret.
  package var signingKey: PrivateKey?
  package var sshNewSource = SSHNewSource.notify
  package var sshSignInCheck = SSHSignInCheck.auto
  /// `programmatic_redirect_domain_whitelist`: of `LoopbackTarget.hosts`, those where tokens may be sent.
  package var loopbackHosts = Set(LoopbackTarget.hosts)
  /// `ssh_sign_in_timeout`, in seconds: how long a code waits for its browser.
  package var sshSignInTimeout: Int64 = 15 * 60
  /// `workload_max_session`, in seconds: how long a job's key stands for its service account at most.
  package var workloadMaxSession: Int64 = 3600
  /// `jwt_groups_filter`: only these groups go into the assertion.
  package var groupsFilter: [String]?
  /// Claims beyond the usual ones that go into the assertion (`jwt_claims_headers`).
  package var assertionClaims: [String] = []
  /// `jwt_issuer_format: uri`: the assertion's issuer is `https://host/` instead of the bare host.
  package var issuerIsURI = false
  /// Whether the provider's tokens are kept for services: some route hands them on.
  package var keepsProviderTokens = false

  package init(authenticateURL: String, sharedSecret: [UInt8], provider: ProviderConfiguration) {
    var url = authenticateURL
    while url.hasSuffix("/") { url.removeLast() }
    self.authenticateURL = url
    self.sharedSecret = sharedSecret
    self.provider = provider
  }
}

/// The identity provider, as `idp_*` keys describe it.
package struct ProviderConfiguration: Sendable, Equatable {
  /// `idp_provider`: what the sign-in prompt calls it.
  package var name: String
  /// `idp_provider_url` exactly as written: discovery must name the same issuer.
  package var issuer: String
  package var clientID: String
  package var clientSecret: String
  package var scopes = ["openid", "profile", "email", "offline_access"]
  /// `idp_request_params`: further parameters of the authorization request.
  package var requestParameters: [(String, String)] = []
  /// `email_trusted`: what a missing `email_verified` means; nil: decided by the kind of provider (security rule 29).
  package var emailTrusted: Bool?
  /// The claim that lists groups.
  package var groupsClaim = "groups"

  package init(name: String, issuer: String, clientID: String, clientSecret: String) {
    self.name = name
    self.issuer = issuer
    self.clientID = clientID
    self.clientSecret = clientSecret
  }

  /// Names the issuer and the client: sessions belong to it, and end when it changes.
  package var fingerprint: String { Base64.encodeURL(Array(Digest.sha256("\(issuer)\n\(clientID)").prefix(12))) }

  /// Whether an address without `email_verified` is believed. Anybody can open an account, with any address in it, in
  /// the shared tenants of Entra.
  var trustsUnverifiedEmail: Bool {
    if let emailTrusted { return emailTrusted }
    return !TenantIssuer.isShared(issuer: issuer, provider: name)
  }

  package static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.issuer == right.issuer && left.clientID == right.clientID
      && left.clientSecret == right.clientSecret && left.scopes == right.scopes
      && left.requestParameters.elementsEqual(right.requestParameters, by: ==)
      && left.emailTrusted == right.emailTrusted && left.groupsClaim == right.groupsClaim
  }
}

/// `ssh_new_source`: what happens when a bound key comes from an address it was not approved from.
package enum SSHNewSource: String, Sendable { case notify, signIn = "sign_in" }

/// `ssh_sign_in_check`: whether Authorize on the page is enough, or digits must be typed at the ssh prompt too.
package enum SSHSignInCheck: String, Sendable { case auto, page, terminal }
