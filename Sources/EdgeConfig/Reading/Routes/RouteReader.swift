internal import Patterns
internal import Policy

/// A route with what is known of it beside its values.
struct ReadRoute {
  var route: RouteConfiguration
  /// Where `from` was written.
  var fromPlace: Place
  /// As `from` was written.
  var fromText: String
  var tunnelPlace: Place?
  /// The policies as far as they say that nobody may; not set when they could not be read.
  var isClosedToVisitors: Bool
  var isClosedToPublishers: Bool
}

/// Reads one entry of `routes`.
struct RouteReader {
  let section: Section
  let passesIdentityHeaders: Bool
  /// Of the global keys.
  let limits: RequestLimitsConfiguration

  var findings: Findings { section.findings }

  func read() -> ReadRoute? {
    let from = from()
    let errorsBefore = findings.errorCount
    let tunnel = tunnel()
    let tunnelIsRead = findings.errorCount == errorsBefore
    let isTunnel = section.isWritten("upstream_tunnel")
    let targets = targets(of: from, isTunnel: isTunnel)
    let path = path()
    let answer = answer()
    let errorsBeforeVisit = findings.errorCount
    let visit = visitPolicy(from)
    let visitIsRead = findings.errorCount == errorsBeforeVisit
    let http = http(isTunnel: isTunnel)
    let name = section.text("name") ?? ""
    let description = section.text("description") ?? ""
    guard let from, let fromSetting = section.setting("from") else { return nil }
    let route = RouteConfiguration(
      id: routeID(from, path, targets, answer), name: name, description: description, from: from, path: path,
      targets: targets,
      answer: answer, tunnel: tunnel, visitPolicy: visit.policy, isPublic: visit.isPublic, http: http,
      balance: balance(), dependsOn: dependsOn(), position: section.place.position)
    return ReadRoute(
      route: route, fromPlace: fromSetting.place, fromText: fromSetting.node.text ?? "",
      tunnelPlace: section.setting("upstream_tunnel")?.place,
      isClosedToVisitors: visitIsRead && visit.policy.allowsNobody,
      isClosedToPublishers: tunnelIsRead && tunnel?.publishPolicy.allowsNobody == true)
  }

  private func tunnel() -> RouteTunnel? {
    guard let setting = section.setting("upstream_tunnel") else {
      if let setting = section.setting("tunnel_sharing") {
        findings.warning(setting.place, "`tunnel_sharing` has no effect without `upstream_tunnel`")
      }
      return nil
    }
    if setting.node.mapping == nil {
      section.error(
        setting, "expected an object, not \(setting.node.kind)", "write `ssh_policy:` below it: who may open the tunnel"
      )
    }
    return RouteTunnel(
      publishPolicy: section.policy("upstream_tunnel.ssh_policy", for: .publish) ?? .denyAll,
      isShared: section.choice("tunnel_sharing") == "allowed")
  }

  private func path() -> RoutePath {
    let written = ["prefix", "path", "regex"].filter { section.isWritten($0) }
    if written.count > 1, let last = written.last, let setting = section.setting(last) {
      section.error(setting, "`\(written[0])` is written, too", "take one of the two out")
    }
    let prefix = slashed("prefix")
    let exact = slashed("path")
    if let pattern = pattern() { return pattern }
    if let exact { return .exact(exact) }
    guard let prefix, prefix != "/" else { return .any }
    return .prefix(prefix)
  }

  /// A path that begins with a slash and is what a request line can hold.
  func slashed(_ name: String) -> String? {
    guard let setting = section.setting(name), let text = section.text(name) else { return nil }
    guard text.hasPrefix("/") else {
      section.error(setting, "must begin with `/`", "did you mean `/\(text)`?")
      return nil
    }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }) else {
      section.error(setting, "a path has printable ASCII only, without `?` and `#`", "percent-encode the rest")
      return nil
    }
    if name != "prefix_rewrite", text.hasPrefix("/.pomerium") || text.hasPrefix("/.well-known/pomerium") {
      section.error(setting, "paths under `/.pomerium` and `/.well-known/pomerium` belong to the edge")
    }
    return text
  }

  private func http(isTunnel: Bool) -> RouteHTTP {
    let headers = requestHeaders(isTunnel: isTunnel)
    var http = RouteHTTP(
      preservesHostHeader: section.flag("preserve_host_header") ?? false, hostRewrite: hostRewrite().text,
      hostRewriteHeader: hostRewrite().header, responseRewrites: responseRewrites(), upstreamTLS: upstreamTLS(),
      passesIdentityHeaders: section.flag("pass_identity_headers") ?? passesIdentityHeaders,
      timeout: section.duration("timeout"), idleTimeout: section.duration("idle_timeout"),
      limits: section.requestLimits(else: limits),
      setRequestHeaders: headers.fixed, removeRequestHeaders: removedHeaders(),
      setResponseHeaders: section.headers("set_response_headers"), errorPages: section.errorPages(),
      showsErrorDetails: section.flag("show_error_details") ?? false, prefixRewrite: slashed("prefix_rewrite"),
      allowsCORSPreflight: section.flag("cors_allow_preflight") ?? false,
      allowsWebSockets: section.flag("allow_websockets") ?? true, allowedUpgrades: upgrades(),
      allowedOrigins: origins())
    http.shaping = shaping(headers.templates, isTunnel: isTunnel)
    http.client = client()
    return http
  }

  /// A client of its own at the identity provider. Which it is decides who gets in, so nothing is guessed.
  private func client() -> RouteClient? {
    let names = ["idp_client_id", "idp_client_secret", "idp_client_secret_file"]
    guard let first = names.compactMap({ section.setting($0) }).first else { return nil }
    let scheme = section.text("from")?.prefix { $0 != ":" }.lowercased()
    guard scheme == "https" || scheme == "http" || scheme == nil else {
      section.error(first, "only routes that browsers visit sign in with a client of their own", "take it out")
      return nil
    }
    guard let id = section.text("idp_client_id"), !id.isEmpty else {
      section.error(first, "`idp_client_id` is missing: whose secret is it?", "write both, or neither")
      return nil
    }
    let secret = section.clientSecret("what the client `\(id)` proves itself with")
    return secret.map { RouteClient(id: id, secret: SecretString($0)) }
  }

  private func upgrades() -> [String] {
    let spdy = section.flag("allow_spdy") == true ? ["spdy/3.1"] : []
    return spdy
      + section.texts("allow_upgrades").compactMap { upgrade in
        let token = upgrade.text.lowercased()
        if token == "websocket" { return nil }
        // `name` or `name/version` (RFC 9110 section 7.8).
        let parts = token.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ isHeaderName(String($0)) }), parts.first != "h2c" else {
          findings.error(
            upgrade.place, "`allow_upgrades`: `\(upgrade.text)` cannot pass",
            parts.first == "h2c" ? "HTTP/2 in the clear would hide requests from the policy" : nil)
          return nil
        }
        return token
      }
  }

  private func origins() -> [String] {
    section.texts("allowed_origins").compactMap { origin in
      if let url = try? URLText(origin.text), ["https", "http"].contains(url.scheme), url.path.isEmpty, !url.hasMore,
        !url.hasUserInfo, isHostName(url.host, allowsUnderscore: true) || IPAddress(url.host) != nil
      {
        return url.origin
      }
      findings.error(
        origin.place, "`allowed_origins`: `\(origin.text)` is no origin",
        "scheme, host and port only: https://app.example.com")
      return nil
    }
  }

  private func removedHeaders() -> [String] {
    section.texts("remove_request_headers").compactMap { header in
      if isHeaderName(header.text) { return header.text }
      findings.error(header.place, "`remove_request_headers`: `\(header.text)` cannot be the name of a header")
      return nil
    }
  }

  /// Headers that are not a setting's to make.
  static func whyForbidden(_ name: String) -> String? {
    // As careless services fold it.
    let name = name.replacing("_", with: "-")
    return switch name {
    case "host": "use `preserve_host_header`, or the host of `to`"
    case "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive":
      "it frames the request"
    case "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id": "the edge sets it"
    case "cookie": "cookies belong to the visitor"
    default: name.hasPrefix("x-pomerium-jwt") ? "it is the edge's own" : nil
    }
  }
}

/// FNV-1a, 64 bits, over what makes a route the same route.
private func routeID(
  _ from: RouteFrom, _ path: RoutePath, _ targets: [RouteTo], _ answer: RouteAnswerConfiguration?
) -> String {
  var parts = [from.scheme.rawValue, from.host, from.port.map(String.init) ?? ""]
  switch path {
  case .any: parts.append("any")
  case .prefix(let prefix): parts += ["prefix", prefix]
  case .exact(let exact): parts += ["path", exact]
  case .pattern(let pattern, _): parts += ["regex", pattern.text]
  }
  for target in targets { parts += [target.scheme.rawValue, target.host, String(target.port), target.path] }
  switch answer {
  case nil: break
  case .response(let status, let body): parts += ["response", String(status), body]
  case .redirect(let to):
    parts += ["redirect", String(to.status), to.scheme ?? "", to.host ?? "", to.port.map(String.init) ?? ""]
    parts += [to.path ?? "", to.prefixRewrite ?? "", String(to.stripsQuery)]
  }
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in parts.joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  let digits = String(hash, radix: 16)
  return "route-" + String(repeating: "0", count: 16 - digits.count) + digits
}
