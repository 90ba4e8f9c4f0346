import EdgeConfig
import Identity
import Policy

/// Who may sign in, and where.
extension EdgeSettings {
  static func identity(_ configuration: EdgeConfiguration, sharedSecret: [UInt8]) throws(EdgeSettingsError)
    -> IdentityConfiguration
  {
    let written = configuration.identityProvider
    var provider = ProviderConfiguration(
      name: written.name, issuer: written.issuerURL, clientID: written.clientID,
      clientSecret: written.clientSecret.reveal())
    provider.scopes = written.scopes
    provider.requestParameters = written.requestParameters.map { ($0.name, $0.value) }
    provider.emailTrusted = written.emailIsTrusted
    provider.groupsClaim = written.groupsClaim
    var identity = IdentityConfiguration(
      authenticateURL: configuration.authenticateURL.text, sharedSecret: sharedSecret, provider: provider)
    identity.routeClients = routeClients(configuration, beside: provider)
    identity.cookieSecret = configuration.cookie.secret?.reveal()
    identity.cookieName = configuration.cookie.name
    identity.sessionLifetime = configuration.cookie.lifetime / 1000
    identity.workloadMaxSession = configuration.workloadMaxSession / 1000
    if let pem = configuration.assertion.signingKeyPEM {
      identity.signingKey = try key(pem.reveal(), name: "signing_key")
    }
    identity.loopbackHosts = Set(configuration.loopbackHosts)
    identity.groupsFilter = configuration.assertion.groupsFilter
    identity.assertionClaims = configuration.assertion.claimHeaders.map(\.claim)
    identity.issuerIsURI = configuration.assertion.issuerIsURI
    identity.keepsProviderTokens = configuration.routes.contains { $0.http.shaping.needsProviderTokens }
    if let ssh = configuration.ssh {
      identity.sshSignInTimeout = ssh.signInTimeout / 1000
      identity.sshNewSource = ssh.newSource == .notify ? .notify : .signIn
      identity.sshSignInCheck =
        switch ssh.signInCheck {
        case .auto: .auto
        case .page: .page
        case .terminal: .terminal
        }
    }
    return identity
  }

  /// Clients of routes, each once; the edge's own is none of them.
  private static func routeClients(
    _ configuration: EdgeConfiguration, beside own: ProviderConfiguration
  ) -> [ProviderConfiguration] {
    var clients: [ProviderConfiguration] = []
    for written in configuration.routes.compactMap(\.http.client) where written.id != own.clientID {
      var client = own
      client.clientID = written.id
      client.clientSecret = written.secret.reveal()
      if !clients.contains(client) { clients.append(client) }
    }
    return clients
  }
}

extension ServiceAccount {
  init(_ written: ServiceAccountConfiguration) {
    self.init(
      name: written.name, keys: written.keys,
      authorities: written.authorities.map { Authority(key: $0.key, principals: $0.principals) },
      workloads: written.workloads.map { workload in
        WorkloadTrust(
          issuer: WorkloadIssuer(name: workload.issuer, keysURL: workload.keysURL), audience: workload.audience,
          conditions: workload.conditions)
      },
      expiresAt: written.expiresAt, sources: written.sources, hosts: Set(written.hosts),
      tokenHashes: Set(written.tokenHashes))
  }
}
