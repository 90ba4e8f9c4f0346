import EdgeConfig
import Policy
import Routing

extension Route {
  /// A route of the configuration file as the router keeps it; `nil` where its host is no name (the file was checked, so
  /// that does not happen to a loaded configuration).
  init?(_ written: RouteConfiguration) {
    guard let host = HostPattern(written.from.host) else { return nil }
    self.init(
      id: RouteID(written.id), name: written.name,
      origin: RouteOrigin(scheme: .init(written.from.scheme), host: host, port: written.from.port),
      path: PathMatch(written.path), targets: written.targets.map(RouteTarget.init),
      answer: written.answer.map(RouteAnswer.init),
      tunnel: written.tunnel.map(TunnelSettings.init), visitPolicy: written.visitPolicy, isPublic: written.isPublic,
      http: HTTPRouteSettings(written.http), balance: RouteBalance(written.balance), dependsOn: written.dependsOn)
  }
}

extension RouteOrigin.Scheme {
  fileprivate init(_ written: RouteFrom.Scheme) {
    switch written {
    case .https: self = .https
    case .ssh: self = .ssh
    case .tcp: self = .tcp
    }
  }
}

extension PathMatch {
  fileprivate init(_ written: RoutePath) {
    switch written {
    case .any: self = .any
    case .prefix(let prefix): self = .prefix(prefix)
    case .exact(let path): self = .exact(path)
    case .pattern(let pattern, let priority): self = .pattern(pattern, priority: priority)
    }
  }
}

extension RouteTarget {
  fileprivate init(_ written: RouteTo) {
    let scheme: Scheme =
      switch written.scheme {
      case .http: .http
      case .https: .https
      case .h2c: .h2c
      case .tcp: .tcp
      case .ssh: .ssh
      }
    self.init(
      scheme: scheme, host: written.host, port: written.port, portIsExplicit: written.portIsExplicit,
      path: written.path, weight: written.weight)
  }
}

extension TunnelSettings {
  fileprivate init(_ written: RouteTunnel) {
    self.init(publishPolicy: written.publishPolicy, isShared: written.isShared)
  }
}

extension HTTPRouteSettings {
  fileprivate init(_ written: RouteHTTP) {
    self.init()
    preservesHostHeader = written.preservesHostHeader
    hostRewrite = written.hostRewrite
    hostRewriteHeader = written.hostRewriteHeader
    responseRewrites = written.responseRewrites.map { ($0.name, $0.prefix, $0.value) }
    upstreamTLS = UpstreamTLSSettings(written.upstreamTLS)
    passesIdentityHeaders = written.passesIdentityHeaders
    timeout = written.timeout
    idleTimeout = written.idleTimeout
    limits = RequestLimits(written.limits)
    setRequestHeaders = written.setRequestHeaders.map { ($0.name, $0.value) }
    removeRequestHeaders = written.removeRequestHeaders
    setResponseHeaders = written.setResponseHeaders.map { ($0.name, $0.value) }
    errorPages = ErrorPages(written.errorPages)
    showsErrorDetails = written.showsErrorDetails
    prefixRewrite = written.prefixRewrite
    allowsCORSPreflight = written.allowsCORSPreflight
    allowsWebSockets = written.allowsWebSockets
    allowedUpgrades = written.allowedUpgrades
    allowedOrigins = written.allowedOrigins
    shaping = RequestShaping(written.shaping)
  }
}

extension RequestShaping {
  fileprivate init(_ written: RouteShaping) {
    self.init()
    pathRewrite = written.pathRewrite
    hostFromPath = written.hostFromPath
    headerTemplates = written.headerTemplates.map { template in
      Routing.HeaderTemplate(name: template.name, parts: template.parts.map { .init($0) })
    }
    groupsFilter = written.groupsFilter
    issuerIsURI = written.issuerIsURI
    kubernetesToken = written.kubernetesToken?.reveal()
    downstreamServerName = written.downstreamServerName.flatMap { HostName($0) }
  }
}

extension Routing.HeaderTemplate.Part {
  fileprivate init(_ written: EdgeConfig.HeaderTemplate.Part) {
    switch written {
    case .literal(let text): self = .literal(text)
    case .accessToken: self = .accessToken
    case .idToken: self = .idToken
    case .assertion: self = .assertion
    case .certificateFingerprint: self = .certificateFingerprint
    case .certificateDNSName: self = .certificateDNSName
    case .certificateAddress: self = .certificateAddress
    case .requestHeader(let name): self = .requestHeader(name)
    }
  }
}

extension RequestLimits {
  fileprivate init(_ written: RequestLimitsConfiguration) {
    self.init()
    bodyBytes = written.requestBytes
    visitor.rate = written.visitorRate.map(RequestRate.init)
    visitor.concurrent = written.visitorRequests
    route.rate = written.routeRate.map(RequestRate.init)
    route.concurrent = written.routeRequests
  }
}

extension RequestRate {
  fileprivate init(_ written: RequestRateConfiguration) {
    self.init(
      count: written.count, period: UInt64(clamping: written.period) * 1_000_000, burst: written.burst)
  }
}

extension UpstreamTLSSettings {
  fileprivate init(_ written: RouteUpstreamTLS) {
    self.init()
    skipsVerification = written.skipsVerification
    serverName = written.serverName
    certificateAuthority = written.certificateAuthority
    clientCertificate = written.clientCertificate
    clientKey = written.clientKey?.reveal()
  }
}

extension RouteAnswer {
  fileprivate init(_ written: RouteAnswerConfiguration) {
    switch written {
    case .response(let status, let body): self = .response(status: status, body: body)
    case .redirect(let to):
      var redirect = RouteRedirect()
      redirect.status = to.status
      redirect.scheme = to.scheme
      redirect.host = to.host
      redirect.port = to.port
      redirect.path = to.path
      redirect.prefixRewrite = to.prefixRewrite
      redirect.stripsQuery = to.stripsQuery
      self = .redirect(redirect)
    }
  }
}
