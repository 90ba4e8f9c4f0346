internal import Policy

/// Reads the top of the file into an `EdgeConfiguration`. After an error it goes on with stand-ins, to find the others.
struct ConfigurationReader {
  let path: String
  let section: Section

  var findings: Findings { section.findings }

  func read() -> EdgeConfiguration? {
    var listener = listener()
    listener.requests = requestReading()
    let authenticateURL = authenticateURL()
    let sharedSecret = section.key32("shared_secret")
    let cookie = cookie()
    let assertion = assertion()
    let provider = identityProvider()
    let serviceAccounts = serviceAccounts()
    let ssh = ssh()
    let storage = storage()
    let flags = runtimeFlags()
    let logs = logs()
    let metrics = metrics()
    let passesIdentityHeaders = section.flag("pass_identity_headers") ?? false
    let routesSetting = routesSetting()
    let routes = routes(routesSetting, passesIdentityHeaders)
    checkPrivateListeners()
    checkCertificates(routes.map(\.route))
    _ = section.choice("services")
    if sharedSecret == nil, !section.isWritten("shared_secret"), !section.isWritten("shared_secret_file") {
      findings.warning(
        section.place, "without `shared_secret` everybody must sign in again after each start",
        "make one with: head -c32 /dev/urandom | base64")
    }
    RouteChecks(
      findings: findings, routes: routes, authenticateHost: authenticateURL?.host,
      otherHosts: [section.address("ssh_address", defaultPort: 22)?.host, metrics?.address.host]
        .compactMap { $0 }, hasSSH: section.isWritten("ssh_address"), flags: flags
    ).run()
    RouteClientChecks(findings: findings, routes: routes, provider: provider).run()
    guard let authenticateURL, let provider else { return nil }
    return EdgeConfiguration(
      path: path, files: section.context.watchedFiles.map(\.path), listener: listener, authenticateURL: authenticateURL,
      sharedSecret: sharedSecret, cookie: cookie, assertion: assertion, identityProvider: provider,
      serviceAccounts: serviceAccounts, workloadMaxSession: workloadMaxSession(), signedOutURL: signedOutURL(),
      loopbackHosts: loopbackHosts(), ssh: ssh,
      storage: storage, flags: flags, logs: logs, metrics: metrics,
      shutdownTimeout: section.duration("shutdown_timeout") ?? 0,
      reconnectGrace: section.duration("reconnect_grace") ?? 0,
      tunnelBalance: section.choice("tunnel_balance").flatMap(TunnelBalance.init(rawValue:)) ?? .roundRobin,
      routes: routes.map(\.route), routesAreWritten: routesSetting.map { !$0.node.isNull } ?? false)
  }

  private func cookie() -> CookieConfiguration {
    let name = section.text("cookie_name") ?? "_pomerium"
    if let setting = section.setting("cookie_name"), !isHeaderName(name) {
      section.error(setting, "cannot be the name of a cookie", "letters, digits, `_` and `-`")
    }
    let lifetime = section.duration("cookie_expire") ?? 0
    if let setting = section.setting("cookie_expire"), lifetime < 60_000, section.duration("cookie_expire") != nil {
      section.error(setting, "a session must last at least a minute")
    }
    return CookieConfiguration(name: name, lifetime: lifetime, secret: section.key32("cookie_secret"))
  }

  private func assertion() -> AssertionConfiguration {
    AssertionConfiguration(
      signingKeyPEM: section.privateKey("signing_key", .ownerAndGroup)?.pem, claimHeaders: claimHeaders(),
      groupsFilter: section.isWritten("jwt_groups_filter") ? section.texts("jwt_groups_filter").map(\.text) : nil,
      issuerIsURI: section.choice("jwt_issuer_format") == "uri")
  }

  /// A list of claims, or header names with claims.
  private func claimHeaders() -> [ClaimHeader] {
    guard let setting = section.setting("jwt_claims_headers") else { return [] }
    if setting.node.mapping == nil {
      return section.texts("jwt_claims_headers").compactMap { claim in
        let header = "X-Pomerium-Claim-" + claim.text.headerCased
        guard isHeaderName(header) else {
          findings.error(claim.place, "`\(claim.text)` makes no header name", "write `X-My-Header: \(claim.text)`")
          return nil
        }
        return ClaimHeader(claim: claim.text, header: header)
      }
    }
    return section.headers("jwt_claims_headers", forbidden: RouteReader.whyForbidden).map {
      ClaimHeader(claim: $0.value, header: $0.name)
    }
  }

  private func storage() -> StorageConfiguration {
    let connection = section.textOrFile("databroker_storage_connection_string")
    guard section.choice("databroker_storage_type") == "file" else {
      if let connection, section.choice("databroker_storage_type") != nil {
        findings.warning(
          connection.setting.place,
          "`\(connection.setting.key.name)` has no effect with `databroker_storage_type: memory`")
      }
      return .memory
    }
    guard let connection else {
      if let setting = section.setting("databroker_storage_type") {
        section.error(
          setting, "`file` needs `databroker_storage_connection_string`", "as file:///var/lib/tunnel-edge")
      }
      return .memory
    }
    let text = connection.text.trimmingBlanks
    guard text.hasPrefix("file:///"), text.dropFirst("file:///".count).contains(where: { $0 != "/" }) else {
      section.error(connection.setting, "expected the URL of a directory", "as file:///var/lib/tunnel-edge")
      return .memory
    }
    return .file(directory: String(text.dropFirst("file://".count)))
  }

  private func runtimeFlags() -> RuntimeFlags {
    let flags = runtimeFlagSection()
    return RuntimeFlags(
      sshUpstreamTunnel: flags.flag("ssh_upstream_tunnel") ?? true,
      configHotReload: flags.flag("config_hot_reload") ?? true,
      matchAnyIncomingPort: flags.flag("match_any_incoming_port") ?? true)
  }

  func runtimeFlagSection() -> Section {
    let setting = section.setting("runtime_flags")
    if let setting, setting.node.mapping == nil {
      section.error(setting, "expected flags with true or false, not \(setting.node.kind)")
    }
    let flags = Section(
      .runtimeFlag, setting?.node.mapping ?? [], at: setting?.place ?? section.place, section.context)
    for override in section.flagOverrides { flags.override(override) }
    return flags
  }

  private func logs() -> LogConfiguration {
    LogConfiguration(
      level: section.choice("log_level").flatMap(LogConfiguration.LogLevel.init(rawValue:)) ?? .info,
      accessLogFile: section.text("access_log_file"), auditLogFile: section.text("audit_log_file"))
  }

  /// `routes`, or `policy` by its old name; the environment first.
  private func routesSetting() -> Setting? {
    let found = [section.setting("routes"), section.setting("policy")].compactMap { $0 }
    let decisive = found.first { $0.isFromEnvironment } ?? found.first
    if found.count == 2, let second = found.last, found.allSatisfy({ $0.isFromEnvironment == second.isFromEnvironment })
    {
      section.error(second, "`routes` is written, too", "`policy` is its old name: put them together under `routes`")
    }
    return decisive
  }

  private func routes(_ setting: Setting?, _ passesIdentityHeaders: Bool) -> [ReadRoute] {
    guard let setting, !setting.node.isNull else { return [] }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list of routes, not \(setting.node.kind)", "put `- ` before each `from`")
      return []
    }
    let limits = section.requestLimits()
    return nodes.compactMap { node in
      let place = Place(source: setting.place.source, position: node.position)
      guard let entries = node.mapping else {
        findings.error(place, "a route is an object with `from`, not \(node.kind)")
        return nil
      }
      let route = Section(.route, entries, at: place, section.context)
      return RouteReader(section: route, passesIdentityHeaders: passesIdentityHeaders, limits: limits).read()
    }
  }
}

extension String {
  /// `family_name` as `Family-Name`.
  var headerCased: String {
    split { $0 == "_" || $0 == "-" || $0 == " " || $0 == "/" || $0 == "." }
      .map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
  }
}
