/// What was nearly right, for explanations: the mistakes that are made again and again.
extension CriterionTest {
  /// - Returns: how what the request brought differs from what is wanted, where it is only a little.
  func nearMiss(in request: AccessRequest, subject: Subject?) -> String? {
    switch self {
    case .httpMethod(let matcher): return request.method.flatMap { matcher.nearMiss($0) }
    case .httpPath(let matcher): return request.path.flatMap { matcher.nearMiss($0) }
    case .sshUsername(let matcher): return request.sshUsername.flatMap { matcher.nearMiss($0) }
    case .email, .domain, .user, .serviceAccount, .groups, .claim: break
    default: return nil
    }
    guard let subject else { return nil }
    if case .serviceAccount(let matcher) = self { return subject.serviceAccount.flatMap { matcher.nearMiss($0) } }
    guard subject.serviceAccount == nil else { return nil }
    switch self {
    case .user(let matcher):
      return matcher.nearMiss(subject.userID)
        ?? (subject.email.map { matcher.names($0) } == true ? "which is the address: write `email`" : nil)
    case .email(let matcher):
      guard let email = subject.email else { return nil }
      return matcher.nearMiss(email) ?? (matcher.names(subject.userID) ? "which is the user id: write `user`" : nil)
    case .domain(let matcher):
      let domain = subject.email.flatMap { $0.split(separator: "@").last }
      return domain.flatMap { matcher.nearMiss(String($0)) }
    case .groups(let matcher): return matcher.nearMiss(subject.groupValues.array)
    case .claim(let path, let matcher):
      let values = path.values(in: subject.claims)
      guard values.count == 0 else { return matcher.nearMiss(values.array) }
      return nearestName(to: path.text, among: subject.claims.keys.sorted()).map { "and there is a claim `\($0)`" }
    default: return nil
    }
  }
}

extension StringMatcher {
  /// It is one of the texts that are written.
  fileprivate func names(_ text: String) -> Bool { wholeTexts.contains { $0.isSame(as: text) } }

  fileprivate func nearMiss(_ seen: String) -> String? {
    if folded({ $0.lowercased() }).matches(seen.lowercased()), !matches(seen) { return "which differs in case only" }
    let trimmed = seen.filter { !$0.isWhitespace }
    if !trimmed.isEmpty, trimmed != seen, matches(trimmed) { return "which has blanks" }
    return wholeTexts.contains { nearestName(to: seen, among: [$0]) != nil } ? "which is nearly that" : nil
  }

  private func folded(_ fold: (String) -> String) -> StringMatcher {
    StringMatcher(
      conditions: conditions.map { condition in
        switch condition {
        case .equals(let operand): .equals(fold(operand))
        case .contains(let operand): .contains(fold(operand))
        case .startsWith(let operand): .startsWith(fold(operand))
        case .endsWith(let operand): .endsWith(fold(operand))
        case .isOne(let operands): .isOne(of: operands.map(fold))
        case .differs, .isNone: condition
        }
      })
  }
}

extension ListMatcher {
  fileprivate func nearMiss(_ seen: [ClaimValue]) -> String? {
    for condition in conditions {
      let wanted: ClaimValue
      switch condition {
      case .has(let value): wanted = value
      case .isOnly(let value):
        if seen.count > 1, ListMatcher(conditions: [.has(value)]).matches(.list(seen)) {
          return "which has others beside it: `is` wants it alone, `has` does not"
        }
        wanted = value
      case .excludes: continue
      }
      if seen.contains(where: { $0.plain == wanted.plain && $0.kind != wanted.kind }) {
        return "which is of another type: \(wanted.kind) is wanted"
      }
      guard case .string(let text) = wanted else { continue }
      let texts = seen.prefix(100).compactMap { value in
        if case .string(let text) = value { text } else { nil as String? }
      }
      if let near = texts.first(where: { $0.lowercased() == text.lowercased() && !$0.isSame(as: text) }) {
        return "of which \"\(near)\" differs in case only"
      }
      if let near = nearestName(to: text, among: texts.filter { !$0.isSame(as: text) }) {
        return "of which \"\(near)\" is nearly that"
      }
    }
    return nil
  }
}

extension ClaimValue {
  /// As it would be written without quotes.
  fileprivate var plain: String? {
    switch self {
    case .bool(let flag): flag ? "true" : "false"
    case .number(let number): Int64(exactly: number).map(String.init) ?? String(number)
    case .string(let text): text
    case .null, .list, .object: nil
    }
  }

  fileprivate var kind: String {
    switch self {
    case .null: "nothing"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a text"
    case .list: "a list"
    case .object: "an object"
    }
  }
}
