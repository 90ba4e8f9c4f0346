internal import Patterns
internal import Policy

/// Regular expressions, headers made for each request, and what services are told: `RouteShaping`.
extension RouteReader {
  func shaping(_ templates: [HeaderTemplate], isTunnel: Bool) -> RouteShaping {
    var shaping = RouteShaping()
    shaping.pathRewrite = substitution("regex_rewrite")
    shaping.hostFromPath = substitution("host_path_regex_rewrite")
    if shaping.pathRewrite != nil, let setting = section.setting("prefix_rewrite") {
      section.error(setting, "`regex_rewrite_pattern` is written, too", "take one of the two out")
    }
    if let text = shaping.pathRewrite?.replacement, let mark = text.first(where: { $0 == "?" || $0 == "#" }),
      let setting = section.setting("regex_rewrite_substitution")
    {
      section.error(setting, "a path has no `\(mark)`", "the query is passed on as it is")
    }
    shaping.headerTemplates = templates
    shaping.groupsFilter = section.isWritten("jwt_groups_filter") ? section.texts("jwt_groups_filter").map(\.text) : nil
    shaping.issuerIsURI = section.choice("jwt_issuer_format").map { $0 == "uri" }
    shaping.kubernetesToken = kubernetesToken(isTunnel: isTunnel)
    shaping.downstreamServerName = downstreamServerName()
    return shaping
  }

  // MARK: Patterns

  /// `regex`, which the whole path must match.
  func pattern() -> RoutePath? {
    guard let setting = section.setting("regex"), let text = section.text("regex") else {
      if let setting = section.setting("regex_priority_order") {
        findings.warning(setting.place, "`regex_priority_order` has no effect without `regex`")
      }
      return nil
    }
    let priority =
      section.isWritten("regex_priority_order")
      ? section.number("regex_priority_order", in: -1_000_000_000...1_000_000_000) : nil
    let pattern: WholePattern
    do throws(PatternError) {
      pattern = try WholePattern(text)
    } catch {
      report(error, of: setting)
      return nil
    }
    if !pattern.canBegin(with: UInt8(ascii: "/")) {
      section.error(setting, "matches no path: all of it must match, and a path begins with `/`", "as /api/v[0-9]+/.*")
    }
    return .pattern(pattern, priority: priority)
  }

  /// `…_pattern` with `…_substitution`.
  private func substitution(_ name: String) -> Substitution? {
    let names = (pattern: name + "_pattern", replacement: name + "_substitution")
    switch (section.setting(names.pattern), section.setting(names.replacement)) {
    case (nil, nil): return nil
    case (let setting?, nil):
      section.error(setting, "`\(names.replacement)` is missing", #"`\1` in it is the first group"#)
    case (nil, let setting?): section.error(setting, "`\(names.pattern)` is missing")
    case (let pattern?, let replacement?):
      guard let patternText = section.text(names.pattern), let text = section.text(names.replacement) else {
        return nil
      }
      do throws(Substitution.Failure) {
        return try Substitution(pattern: patternText, replacement: text)
      } catch {
        switch error {
        case .pattern(let error): report(error, of: pattern)
        case .replacement(let error): report(error, of: replacement)
        }
      }
    }
    return nil
  }

  /// Where it stands in the file: behind the beginning of the value, and behind a quotation mark.
  private func report(_ error: PatternError, of setting: Setting) {
    var place = setting.place
    var message = error.message
    if let offset = error.offset {
      message += ", at character \(offset + 1)"
      if place.position.line > 0 { place.position.column += offset + (setting.node.isPlain ? 0 : 1) }
    }
    findings.error(place, "`\(setting.key.name)`: \(message)", error.suggestion)
  }

  // MARK: Headers

  /// `set_request_headers`: those that are always the same, and those made for each request.
  func requestHeaders(isTunnel: Bool) -> (fixed: [HeaderSetting], templates: [HeaderTemplate]) {
    let setting = section.setting("set_request_headers")
    var fixed: [HeaderSetting] = []
    var templates: [HeaderTemplate] = []
    for header in section.headers("set_request_headers", forbidden: Self.whyForbidden) {
      let entry = setting?.node.mapping?.first { $0.key == header.name }
      let place = Place(
        source: section.place.source,
        position: entry?.value.position ?? setting?.place.position ?? section.place.position)
      let parts: [HeaderTemplate.Part]
      do throws(HeaderTemplateText.Failure) {
        parts = try HeaderTemplateText(header.value).parts
      } catch {
        findings.error(place, "`\(header.name)`: \(error.message)", error.suggestion)
        continue
      }
      if let text = Self.text(of: parts) {
        fixed.append(HeaderSetting(name: header.name, value: text))
        continue
      }
      if isTunnel, parts.contains(.accessToken) || parts.contains(.idToken), !allowsTokensToTunnel {
        // Security rule 37.
        findings.error(
          place, "`\(header.name)` would hand the provider's token to whoever opens the tunnel",
          "services learn of their visitors by `pass_identity_headers`; `allow_tokens_to_tunnel: true` if it must be")
      }
      templates.append(HeaderTemplate(name: header.name, parts: parts))
    }
    return (fixed, templates)
  }

  /// The value where it is the same for every request.
  private static func text(of parts: [HeaderTemplate.Part]) -> String? {
    switch parts.count {
    case 0: return ""
    case 1: if case .literal(let text) = parts[0] { return text }
    default: break
    }
    return nil
  }

  private var allowsTokensToTunnel: Bool { section.flag("allow_tokens_to_tunnel") ?? false }

  // MARK: Others

  private func kubernetesToken(isTunnel: Bool) -> SecretString? {
    guard let (text, setting) = section.textOrFile("kubernetes_service_account_token") else { return nil }
    let token = text.trimmingBlanks
    guard !token.isEmpty, isHeaderValue(token), !token.contains(" ") else {
      section.error(setting, "no token: printable ASCII without blanks")
      return nil
    }
    if isTunnel, !allowsTokensToTunnel {
      section.error(
        setting, "would hand the token to whoever opens the tunnel",
        "`allow_tokens_to_tunnel: true` if it must be")
    }
    if section.flag("allow_public_unauthenticated_access") == true {
      section.error(
        setting, "visitors who are nobody would act with all rights of the token",
        "take `allow_public_unauthenticated_access` out")
    }
    return SecretString(token)
  }

  private func downstreamServerName() -> String? {
    guard let setting = section.setting("tls_downstream_server_name"),
      let name = section.text("tls_downstream_server_name")
    else { return nil }
    guard isHostName(name), IPAddress(name) == nil else {
      section.error(setting, "`\(name)` is no host name", asciiHint(name))
      return nil
    }
    return name.lowercased()
  }
}
