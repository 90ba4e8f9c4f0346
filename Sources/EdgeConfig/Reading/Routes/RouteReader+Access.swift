internal import Policy

extension RouteReader {
  /// `policy`, with what the older keys add: one more rule that allows.
  func visitPolicy(_ from: RouteFrom?) -> (policy: AccessPolicy, isPublic: Bool) {
    let purpose: PolicyPurpose = from?.scheme == .ssh ? .login : .visit
    let written = section.policy("policy", for: purpose) ?? .denyAll
    let isPublic = section.flag("allow_public_unauthenticated_access") ?? false
    let isForEverybodySignedIn = section.flag("allow_any_authenticated_user") ?? false
    let lists = ["allowed_users", "allowed_domains", "allowed_idp_claims"].compactMap { section.setting($0) }

    if isPublic, let setting = section.setting("allow_public_unauthenticated_access") {
      if let list = lists.first {
        section.error(setting, "`\(list.key.name)` is written, too: who may visit?", "take one of the two out")
      }
      if isForEverybodySignedIn {
        section.error(
          setting, "`allow_any_authenticated_user` is written, too: who may visit?", "take one of the two out")
      }
      if let from, from.scheme == .ssh { section.error(setting, "an ssh route cannot be public") }
    } else if isForEverybodySignedIn, let list = lists.first,
      let setting = section.setting("allow_any_authenticated_user")
    {
      section.error(setting, "`\(list.key.name)` is written, too: who may visit?", "take one of the two out")
    }

    var criteria = listedCriteria()
    if isPublic { criteria.append(criterion("accept", .init(.bool(true)))) }
    if isForEverybodySignedIn { criteria.append(criterion("authenticated_user", .init(.bool(true)))) }
    guard !criteria.isEmpty else { return (written, isPublic) }
    let rule = PolicyNode(
      .object([
        .init("allow", PolicyNode(.object([.init("or", PolicyNode(.list(criteria)))])))
      ]))
    return (
      written.merging(section.policy(rule, for: purpose, isWritten: false, source: section.place.source)), isPublic
    )
  }

  private func listedCriteria() -> [PolicyNode] {
    var criteria: [PolicyNode] = []
    for user in section.texts("allowed_users") {
      criteria.append(criterion("email", PolicyNode(.string(user.text), at: user.place.position)))
      criteria.append(criterion("user", PolicyNode(.string(user.text), at: user.place.position)))
    }
    for domain in section.texts("allowed_domains") {
      criteria.append(criterion("domain", PolicyNode(.string(domain.text), at: domain.place.position)))
    }
    guard let setting = section.setting("allowed_idp_claims") else { return criteria }
    guard let entries = setting.node.mapping else {
      section.error(setting, "expected claims with lists of values, not \(setting.node.kind)")
      return criteria
    }
    for entry in entries {
      let values = entry.value.sequence ?? [entry.value]
      for value in values { criteria.append(criterion("claim/" + entry.key, value.policyNode)) }
    }
    return criteria
  }

  private func criterion(_ name: String, _ value: PolicyNode) -> PolicyNode {
    PolicyNode(.object([.init(name, at: value.position, value)]), at: value.position)
  }
}
