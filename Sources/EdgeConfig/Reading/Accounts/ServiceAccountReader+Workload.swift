internal import Policy

/// `workload` of a service account: whose tokens speak for it (security rule 14).
extension ServiceAccountReader {
  private static let workloadForm =
    "as `workload: {issuer: https://token.actions.githubusercontent.com, audience: https://edge.example.com, "
    + "claims: {repository: org/app}}`"
  private static let workloadKeys = ["issuer", "audience", "claims", "jwks_uri"]
  private static let maximumDepth = 4

  func workloads() -> [ServiceAccountConfiguration.Workload] {
    guard let written = node["workload"] else { return [] }
    guard let entries = written.sequence ?? (written.mapping == nil ? nil : [written]), !entries.isEmpty else {
      error(written, "`workload`: expected an object or a list of them, not \(written.kind)", Self.workloadForm)
      return []
    }
    return entries.compactMap { workload($0) }
  }

  private func workload(_ entry: YAMLNode) -> ServiceAccountConfiguration.Workload? {
    guard let members = entry.mapping else {
      error(entry, "`workload`: expected an object, not \(entry.kind)", Self.workloadForm)
      return nil
    }
    for member in members where !Self.workloadKeys.contains(member.key) {
      let nearest = nearestName(to: member.key, among: Self.workloadKeys).map { "did you mean `\($0)`?" }
      findings.error(
        place(member.keyPosition), "`service_accounts`: `workload`: unknown key `\(member.key)`",
        nearest ?? Self.workloadForm)
    }
    let issuer = issuer(entry, "issuer")
    let keysURL = entry["jwks_uri"] == nil ? nil : issuer.flatMap { _ in self.issuer(entry, "jwks_uri") }
    let audience = audience(entry)
    let conditions = conditions(entry)
    guard let issuer, let audience, !conditions.isEmpty else { return nil }
    checkNobodyElse(entry, issuer, conditions)
    return ServiceAccountConfiguration.Workload(
      issuer: issuer, keysURL: keysURL, audience: audience, conditions: conditions)
  }

  /// https; plain http on this machine only.
  private func issuer(_ entry: YAMLNode, _ name: String) -> String? {
    guard let written = entry[name], let text = written.text else {
      error(entry[name] ?? entry, "`workload`: `\(name)` is missing or no text", Self.workloadForm)
      return nil
    }
    guard let url = try? URLText(text), !url.hasUserInfo, !url.hasMore || name == "jwks_uri", text.utf8.count <= 1024
    else {
      error(written, "`workload`: `\(text)` is no URL of an issuer", "exactly what its tokens say as `iss`")
      return nil
    }
    let isHere =
      url.host == "localhost" || url.host.hasSuffix(".localhost") || url.host == "::1"
      || AddressRange("127.0.0.0/8").flatMap { range in IPAddress(url.host).map(range.contains) } ?? false
    guard url.scheme == "https" || (url.scheme == "http" && isHere) else {
      error(written, "`workload`: `\(name)` must begin with https://", "whoever is on the way could make tokens")
      return nil
    }
    return text
  }

  private func audience(_ entry: YAMLNode) -> String? {
    guard let written = entry["audience"], let text = written.text, !text.isEmpty, text.utf8.count <= 1024 else {
      error(
        entry["audience"] ?? entry, "`workload`: `audience` is missing: for whom the token must be made",
        "a text that the job asks its issuer for, as https://edge.example.com")
      return nil
    }
    guard !text.contains("*") else {
      error(written, "`workload`: `audience` is compared exactly and has no patterns")
      return nil
    }
    return text
  }

  private func conditions(_ entry: YAMLNode) -> [ClaimCondition] {
    guard let written = entry["claims"], let members = written.mapping, !members.isEmpty else {
      error(
        entry["claims"] ?? entry,
        "`workload`: `claims` is missing: without a condition every job of the issuer could come",
        Self.workloadForm)
      return []
    }
    return members.flatMap { conditions($0, below: []) }
  }

  /// An object asks for members inside a claim.
  private func conditions(_ member: YAMLEntry, below path: [String]) -> [ClaimCondition] {
    let path = path + [member.key]
    let name = path.joined(separator: ".")
    if path.count == 1, ["iss", "aud", "exp", "nbf", "iat", "jti"].contains(member.key) {
      findings.error(
        place(member.keyPosition), "`service_accounts`: `\(name)` is always checked and tells no job from another",
        "name a claim that does, as `repository` or `sub`")
      return []
    }
    guard path.count <= Self.maximumDepth else {
      error(member.value, "`\(name)` lies too deep", "\(Self.maximumDepth) names at most")
      return []
    }
    if let members = member.value.mapping {
      if members.isEmpty { error(member.value, "`\(name)` asks for nothing") }
      return members.flatMap { conditions($0, below: path) }
    }
    let nodes = member.value.sequence ?? [member.value]
    if nodes.isEmpty {
      error(member.value, "`\(name)` asks for nothing", "write a text, or a list of which one must match")
    }
    let patterns = nodes.compactMap { node -> ClaimPattern? in
      guard let text = node.text else {
        error(node, "`\(name)`: expected a text, not \(node.kind)")
        return nil
      }
      do throws(ClaimPattern.Fault) { return try ClaimPattern(text) } catch {
        self.error(node, "`\(name)`: `\(text)`: \(error)")
        return nil
      }
    }
    return patterns.isEmpty ? [] : [ClaimCondition(path: path, patterns: patterns)]
  }

  /// Everybody in the world has an account at these: a condition must say whose job it is.
  private func checkNobodyElse(_ entry: YAMLNode, _ issuer: String, _ conditions: [ClaimCondition]) {
    let owners: [String]
    switch issuer {
    case "https://token.actions.githubusercontent.com":
      owners = [
        "sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "job_workflow_ref",
        "workflow_ref",
      ]
    case "https://gitlab.com":
      owners = ["sub", "project_path", "project_id", "namespace_path", "namespace_id", "ci_config_ref_uri"]
    case "https://accounts.google.com": owners = ["sub", "email"]
    default: return
    }
    guard !conditions.contains(where: { $0.path.count == 1 && owners.contains($0.path[0]) }) else { return }
    error(
      entry["claims"] ?? entry, "`workload`: anybody can run a job at \(issuer) that fulfils these `claims`",
      "say whose job it is, with `\(owners[1])` or another of \(owners.joined(separator: ", "))")
  }
}

extension ConfigurationReader {
  /// `workload_max_session`: a token counts for at least a minute, and no key for longer than tokens last.
  func workloadMaxSession() -> Milliseconds {
    let time = section.duration("workload_max_session") ?? 3_600_000
    if let setting = section.setting("workload_max_session"), !(60_000...86_400_000).contains(time) {
      section.error(setting, "must be between a minute and 24 hours", "as 1h")
    }
    return time
  }

  /// What two accounts must not share: nobody could say which of them it is.
  func checkWorkloads(_ accounts: [ServiceAccountConfiguration], _ place: Place) {
    var keysURLs: [String: String?] = [:]
    let ownClient = section.text("idp_client_id")
    for account in accounts {
      for workload in account.workloads {
        if workload.audience == ownClient {
          findings.error(
            place, "`service_accounts`: the `audience` of `\(account.name)` is `idp_client_id`",
            "the provider makes tokens with it for people who sign in; give jobs an audience of their own")
        }
        if let known = keysURLs[workload.issuer], known != workload.keysURL {
          findings.error(
            place, "`service_accounts`: \(workload.issuer) has two different `jwks_uri`", "write the same in each entry"
          )
        }
        keysURLs[workload.issuer] = workload.keysURL
      }
    }
    for (index, account) in accounts.enumerated() {
      for other in accounts[..<index] {
        if account.workloads.contains(where: other.workloads.contains) {
          findings.error(
            place, "`service_accounts`: `\(other.name)` and `\(account.name)` take the same tokens",
            "let their `claims` differ; the first would always be taken")
        }
        let isShared = account.authorities.contains { mine in
          other.authorities.contains { $0.key == mine.key && !Set($0.principals).isDisjoint(with: mine.principals) }
        }
        if isShared {
          findings.error(
            place, "`service_accounts`: `\(other.name)` and `\(account.name)` share a principal of one `ssh_ca`",
            "give each its own; the first would always be taken")
        }
      }
    }
  }
}
