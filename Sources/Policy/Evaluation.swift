/// One run of a policy over one request.
///
/// Every criterion is asked, so that the reasons are complete. A group that holds gives the reasons of the members that made
/// it hold, one that does not gives those of the members that failed it; the same again for the groups of an action. These
/// reasons decide what the refused one is told: sign in, use another key, or no.
struct Evaluation {
  private let policy: AccessPolicy
  private let request: AccessRequest
  /// Who asks, if the session is still alive.
  private let subject: Subject?
  private var reasons: [DecisionReason] = []
  private var dependsOnRequest = false
  private var dependsOnSubject = false
  /// When a criterion about the time may answer otherwise.
  private var timeEnds: UnixTime?
  private var dependsOnCertificate = false
  private var allow = ActionOutcome()
  private var deny = ActionOutcome()

  init(of policy: AccessPolicy, _ request: AccessRequest) {
    self.policy = policy
    self.request = request
    subject = request.subject.flatMap { $0.expiresAt > request.now ? $0 : nil }
    for (index, rule) in policy.rules.enumerated() {
      for group in rule.groups { evaluate(group, of: rule.action, rule: index) }
    }
  }

  func decision() -> Decision {
    let mustSignIn = allow.names.contains(ReasonName.unauthenticated) || deny.names.contains(ReasonName.unauthenticated)
    let isAllowed = allow.holds && !deny.holds && !mustSignIn
    let fault = deny.holds ? certificateFault : nil
    let needsSignIn = !isAllowed && mustSignIn && !deny.holdsForEverybody && fault == nil
    let needsOtherKey =
      !isAllowed && (deny.holds ? deny.names : allow.names).contains(ReasonName.keyUnauthorized)
    return Decision(
      isAllowed: isAllowed, needsSignIn: needsSignIn, needsOtherKey: needsOtherKey, certificateFault: fault,
      reasons: markedReasons(), dependsOnRequest: dependsOnRequest, dependsOnCertificate: dependsOnCertificate,
      validUntil: [dependsOnSubject ? subject?.expiresAt : nil, timeEnds].compactMap { $0 }.min())
  }

  private var certificateFault: CertificateFault? {
    if deny.names.contains(ReasonName.certificateRequired) { return .required }
    return deny.names.contains(ReasonName.certificateInvalid) ? .invalid : nil
  }

  /// Says of each reason whether it belongs to what made the answer: of a deny that holds nothing else counts.
  private func markedReasons() -> [DecisionReason] {
    reasons.map { reason in
      var marked = reason
      let outcome = reason.action == .allow ? allow : deny
      let decidingAction: RuleAction = deny.holds ? .deny : .allow
      marked.isDeciding =
        reason.isDeciding && reason.groupHolds == outcome.holds
        && (reason.action == decidingAction
          || !deny.holdsForEverybody && reason.name == ReasonName.unauthenticated)
      return marked
    }
  }

  private mutating func evaluate(_ group: Group, of action: RuleAction, rule: Int) {
    let answers = group.criteria.map { criterion in
      CriterionQuestion(
        request: request, subject: subject, helpsAccess: group.operation.isPositive == (action == .allow)
      )
      .answer(criterion.test)
    }
    var holds =
      switch group.operation {
      case .and: answers.allSatisfy(\.matched)
      case .or: answers.contains(where: \.matched)
      case .not: !answers.contains(where: \.matched)
      case .nor: !answers.allSatisfy(\.matched)
      }
    if action == .allow, subject?.serviceAccount != nil, !grantsServiceAccount(group, answers) { holds = false }

    var names: Set<String> = []
    for (criterion, answer) in zip(group.criteria, answers) {
      dependsOnRequest = dependsOnRequest || criterion.test.dependsOnRequest
      dependsOnSubject = dependsOnSubject || criterion.test.dependsOnSubject
      if let change = nextChange(of: criterion.test) { timeEnds = timeEnds.map { min($0, change) } ?? change }
      dependsOnCertificate = dependsOnCertificate || criterion.test.dependsOnCertificate
      let counts = (group.operation.isPositive ? answer.matched : !answer.matched) == holds
      if counts { names.insert(answer.reason) }
      reasons.append(
        DecisionReason(
          rule: rule, action: action, operation: group.operation, criterion: criterion.name,
          position: criterion.position, matched: answer.matched, groupHolds: holds, name: answer.reason,
          isDeciding: counts))
    }
    switch action {
    case .allow: allow.add(holds: holds, names: names, operation: group.operation)
    case .deny: deny.add(holds: holds, names: names, operation: group.operation)
    }
  }

  /// When time alone makes a criterion answer otherwise.
  private func nextChange(of test: CriterionTest) -> UnixTime? {
    switch test {
    case .time(let window): window.nextChange(after: request.now)
    case .sshCertificateAuthority: request.sshCertificate.flatMap { $0.expiresAt > request.now ? $0.expiresAt : nil }
    default: nil
    }
  }

  /// Security rule 13: a service account gets in only where a criterion names it, whatever else holds.
  private func grantsServiceAccount(_ group: Group, _ answers: [CriterionAnswer]) -> Bool {
    guard group.operation.isPositive else { return false }
    return zip(group.criteria, answers).contains { criterion, answer in
      if case .serviceAccount = criterion.test { return answer.matched }
      return false
    }
  }
}

/// What the groups of one action came to: they are joined by "or".
private struct ActionOutcome {
  /// At least one group holds.
  var holds = false
  /// At least one group holds, and would for everybody.
  var holdsForEverybody = false
  /// The reasons of the groups that hold, or of all when none does.
  var names: Set<String> = []

  mutating func add(holds groupHolds: Bool, names groupNames: Set<String>, operation: GroupOperator) {
    if groupHolds, !holds {
      holds = true
      names = []
    }
    guard groupHolds == holds else { return }
    names.formUnion(groupNames)
    guard holds else { return }
    let others = groupNames.subtracting([ReasonName.unauthenticated])
    switch operation {
    // One member that does not ask who it is settles the group.
    case .or, .nor: holdsForEverybody = holdsForEverybody || !others.isEmpty
    case .and, .not: holdsForEverybody = holdsForEverybody || others.count == groupNames.count
    }
  }
}

extension GroupOperator {
  /// Holds by criteria that are true, not by criteria that are false.
  fileprivate var isPositive: Bool {
    switch self {
    case .and, .or: true
    case .not, .nor: false
    }
  }
}
