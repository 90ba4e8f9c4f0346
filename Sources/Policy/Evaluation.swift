/// One run of a policy over one request.
///
/// Every criterion is asked, so that the reasons are complete. A group that holds gives the reasons of the members that made
/// it hold, one that does not gives those of the members that failed it; the same again for the groups of an action. These
/// reasons decide what the refused one is told: sign in, use another key, or no.
///
/// Runs for every request: nothing in here allocates, and texts are made by `DecisionExplanation` only.
struct Evaluation {
  let question: CriterionQuestion
  private(set) var allow = ActionOutcome()
  private(set) var deny = ActionOutcome()
  /// When a criterion about the time may answer otherwise.
  private var timeEnds: UnixTime?

  /// - Parameter told: what each group came to, in the order of the file.
  init(
    of policy: AccessPolicy, _ request: AccessRequest,
    told: (_ rule: Int, _ group: Group, _ holds: Bool) -> Void = { _, _, _ in }
  ) {
    question = CriterionQuestion(request, readsAddress: policy.traits.contains(.address))
    for (index, rule) in policy.rules.enumerated() {
      for group in rule.groups { told(index, group, evaluate(group, of: rule.action)) }
    }
  }

  func decision(_ policy: AccessPolicy) -> Decision {
    let mustSignIn = allow.reasons.contains(.unauthenticated) || deny.reasons.contains(.unauthenticated)
    let isAllowed = allow.holds && !deny.holds && !mustSignIn
    let fault = deny.holds ? certificateFault : nil
    return Decision(
      isAllowed: isAllowed, needsSignIn: !isAllowed && mustSignIn && !deny.holdsForEverybody && fault == nil,
      needsOtherKey: !isAllowed && (deny.holds ? deny.reasons : allow.reasons).contains(.otherKey),
      certificateFault: fault, dependsOnRequest: policy.traits.contains(.request),
      dependsOnCertificate: policy.traits.contains(.certificate),
      validUntil: Self.earlier(policy.traits.contains(.subject) ? question.subject?.expiresAt : nil, timeEnds))
  }

  private var certificateFault: CertificateFault? {
    if deny.reasons.contains(.certificateRequired) { return .required }
    return deny.reasons.contains(.certificateInvalid) ? .invalid : nil
  }

  /// Whether a reason of a group belongs to what made the answer: of a deny that holds nothing else counts.
  func isDeciding(_ reason: ReasonName, of action: RuleAction, groupHolds: Bool) -> Bool {
    groupHolds == (action == .allow ? allow : deny).holds
      && (action == (deny.holds ? .deny : .allow) || !deny.holdsForEverybody && reason == .userUnauthenticated)
  }

  private mutating func evaluate(_ group: Group, of action: RuleAction) -> Bool {
    var (someMatch, allMatch, namesAccount) = (false, true, false)
    var (ofMatched, ofOthers): (ReasonSet, ReasonSet) = ([], [])
    let helpsAccess = group.operation.isPositive == (action == .allow)
    for criterion in group.criteria {
      let answer = question.answer(criterion.test, helpsAccess: helpsAccess)
      if answer.matched {
        someMatch = true
        ofMatched.insert(ReasonSet(answer.reason))
        if answer.reason == .serviceAccountOK { namesAccount = true }
      } else {
        allMatch = false
        ofOthers.insert(ReasonSet(answer.reason))
      }
      timeEnds = Self.earlier(timeEnds, nextChange(of: criterion.test))
    }
    var holds =
      switch group.operation {
      case .and: allMatch
      case .or: someMatch
      case .not: !someMatch
      case .nor: !allMatch
      }
    // Security rule 13: a service account gets in only where a criterion names it, whatever else holds.
    if action == .allow, question.isServiceAccount, !(group.operation.isPositive && namesAccount) {
      holds = false
    }
    let reasons = group.operation.isPositive == holds ? ofMatched : ofOthers
    switch action {
    case .allow: allow.add(holds: holds, reasons, group.operation)
    case .deny: deny.add(holds: holds, reasons, group.operation)
    }
    return holds
  }

  /// When time alone makes a criterion answer otherwise.
  private func nextChange(of test: CriterionTest) -> UnixTime? {
    switch test {
    case .time(let window): window.nextChange(after: question.now)
    case .sshCertificateAuthority: question.certificateEnds
    default: nil
    }
  }

  private static func earlier(_ left: UnixTime?, _ right: UnixTime?) -> UnixTime? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
  }
}

/// What the groups of one action came to: they are joined by "or".
struct ActionOutcome {
  /// At least one group holds.
  private(set) var holds = false
  /// At least one group holds, and would for everybody.
  private(set) var holdsForEverybody = false
  /// The reasons of the groups that hold, or of all when none does.
  private(set) var reasons: ReasonSet = []

  mutating func add(holds groupHolds: Bool, _ groupReasons: ReasonSet, _ operation: GroupOperator) {
    if groupHolds, !holds {
      holds = true
      reasons = []
    }
    guard groupHolds == holds else { return }
    reasons.formUnion(groupReasons)
    guard holds else { return }
    switch operation {
    // One member that does not ask who it is settles the group.
    case .or, .nor: holdsForEverybody = holdsForEverybody || !groupReasons.subtracting(.unauthenticated).isEmpty
    case .and, .not: holdsForEverybody = holdsForEverybody || !groupReasons.contains(.unauthenticated)
    }
  }
}

extension GroupOperator {
  /// Holds by criteria that are true, not by criteria that are false.
  var isPositive: Bool {
    switch self {
    case .and, .or: true
    case .not, .nor: false
    }
  }
}
