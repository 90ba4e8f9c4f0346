/// What can be read, and probably does not mean what was meant.
struct PolicyLint {
  /// What the policy is for, if that is known.
  let purpose: PolicyPurpose?
  private(set) var warnings: [PolicyError] = []

  init(purpose: PolicyPurpose?) { self.purpose = purpose }

  mutating func look(at rule: Rule, _ path: String) {
    if rule.action == .allow, rule.groups.count > 1, let second = rule.groups.dropFirst().first {
      let names = rule.groups.map { "`\($0.operation.rawValue)`" }.joined(separator: " and ")
      warn(
        second.position, path, "\(names) of one `allow` are alternatives: each lets people in by itself",
        "to take people out again write a `deny`; to ask for both put all criteria under one `and`")
    }
    for group in rule.groups { look(at: group, of: rule.action, "\(path).\(group.operation.rawValue)") }
  }

  private mutating func look(at group: Group, of action: RuleAction, _ path: String) {
    for (index, criterion) in group.criteria.enumerated() {
      let place = "\(path)[\(index)]"
      lookAtMeaning(criterion, place)
      lookAtValues(criterion, place)
      let earlier = group.criteria[..<index]
      if earlier.contains(where: { $0 == criterion }) {
        warn(criterion.position, place, "`\(criterion.name)` is written twice with the same value", "take one out")
      } else if let other = group.operation == .and ? earlier.first(where: { $0.excludes(criterion) }) : nil {
        warn(
          criterion.position, place,
          "`\(criterion.name)` cannot be \(criterion.test.shortWords) and \(other.test.shortWords) at once: "
            + "this `and` never holds", "write them under `or:`, or as `\(criterion.name): {in: [one, two]}`")
      }
    }
    lookForEverybody(group, action, path)
  }

  /// Criteria that settle their group for everybody.
  private mutating func lookForEverybody(_ group: Group, _ action: RuleAction, _ path: String) {
    for (index, criterion) in group.criteria.enumerated() {
      let place = "\(path)[\(index)]"
      switch (action, group.operation, criterion.test) {
      case (.allow, _, .reject):
        warn(
          criterion.position, place, "`reject` lets nobody in, wherever it stands", "write it under `deny`, or `accept`"
        )
      case (.allow, .or, .accept) where group.criteria.count > 1:
        warn(
          criterion.position, place,
          "`accept` beside others under `or`: everybody is let in, signed in or not, and the others mean nothing",
          "take one or the other out")
      case (.deny, .or, .accept), (.deny, .or, .authenticatedUser):
        warn(
          criterion.position, place, "this denies everybody who could be let in",
          "deny those who must not, or take the rule out")
      case (.deny, .and, .reject) where group.criteria.count > 1:
        warn(
          criterion.position, place, "`reject` beside others under `and` changes nothing", "take it out")
      default: break
      }
    }
  }

  private mutating func lookAtMeaning(_ criterion: Criterion, _ path: String) {
    if case .pomeriumRoutes = criterion.test {
      warn(
        criterion.position, path, "`pomerium_routes` is never true: paths under /.pomerium/ are the edge's own",
        "take it out; no policy is asked about them")
    } else if let purpose, !criterion.test.hasMeaning(for: purpose) {
      let fitting = PolicyPurpose.allCases.filter { criterion.test.hasMeaning(for: $0) }
      let others = fitting.map(\.words).joined(separator: " or ")
      warn(
        criterion.position, path, "`\(criterion.name)` has nothing to look at in \(purpose.words)",
        "it is for \(others); take it out here")
    }
  }

  private mutating func lookAtValues(_ criterion: Criterion, _ path: String) {
    guard let (matcher, fault) = criterion.test.valueFault else { return }
    for text in matcher.wholeTexts {
      guard let problem = fault(text) else { continue }
      warn(
        criterion.position, path, "`\(criterion.name)` is never \"\(text)\": \(problem.why)", problem.instead)
    }
    if case .httpPath = criterion.test {
      for condition in matcher.conditions {
        guard case .startsWith(let text) = condition, !text.isEmpty, let problem = fault(text) else { continue }
        warn(
          criterion.position, path, "`\(criterion.name)` never starts with \"\(text)\": \(problem.why)", problem.instead
        )
      }
    }
  }

  private mutating func warn(_ position: SourcePosition, _ path: String, _ message: String, _ suggestion: String?) {
    warnings.append(PolicyError(message, at: position, path: path, suggestion: suggestion))
  }
}

extension Criterion {
  /// Both want one value to be two different ones.
  fileprivate func excludes(_ other: Criterion) -> Bool {
    guard name == other.name, let mine = test.singleValue, let theirs = other.test.singleValue else { return false }
    return !mine.isSame(as: theirs)
  }
}

extension CriterionTest {
  /// The one text that it must be, for criteria that look at one text.
  fileprivate var singleValue: String? {
    switch self {
    case .user(let matcher), .email(let matcher), .domain(let matcher), .serviceAccount(let matcher),
      .httpMethod(let matcher), .httpPath(let matcher), .sshUsername(let matcher):
      guard matcher.conditions.count == 1, case .equals(let text)? = matcher.conditions.first else { return nil }
      return text
    default: return nil
    }
  }

  fileprivate var shortWords: String { singleValue.map { "\"\($0)\"" } ?? wanted }

  typealias ValueFault = (why: String, instead: String?)

  /// Which values it can never meet.
  fileprivate var valueFault: (StringMatcher, (String) -> ValueFault?)? {
    switch self {
    case .email(let matcher):
      (
        matcher,
        { text in
          if !text.contains("@") { return ("an address has an @", "did you mean `domain: \(text)`?") }
          return text.contains(where: \.isWhitespace) ? ("an address has no blanks", nil) : nil
        }
      )
    case .domain(let matcher):
      (
        matcher,
        { text in
          guard let at = text.lastIndex(of: "@") else { return nil }
          let rest = text[text.index(after: at)...]
          return (
            "a domain is what stands behind the @", at == text.startIndex ? "write `\(rest)`" : "write `email: \(text)`"
          )
        }
      )
    case .httpMethod(let matcher):
      (
        matcher,
        { text in
          text == text.uppercased() ? nil : ("methods are case-sensitive", "write `\(text.uppercased())`")
        }
      )
    case .httpPath(let matcher):
      (
        matcher,
        { text in
          if !text.hasPrefix("/") { return ("a path begins with /", "write `/\(text)`") }
          return text.contains { $0 == "?" || $0 == "#" } ? ("a path has no query", "write what stands before it") : nil
        }
      )
    default: nil
    }
  }
}

extension StringMatcher {
  /// Texts that the whole value must equal.
  var wholeTexts: [String] {
    conditions.flatMap { condition -> [String] in
      switch condition {
      case .equals(let text): [text]
      case .isOne(let texts): texts
      case .differs, .contains, .startsWith, .endsWith, .isNone: []
      }
    }
  }
}
