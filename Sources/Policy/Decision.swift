/// The answer to one `AccessRequest`, with what led to it.
package struct Decision: Sendable, Equatable {
  package var isAllowed: Bool
  /// Refused, and signing in may help.
  package var needsSignIn: Bool
  /// Refused, and another ssh key may help.
  package var needsOtherKey: Bool
  /// Refused for the certificate of the connection: signing in would not help.
  package var certificateFault: CertificateFault?
  /// Every criterion that was looked at, in the order of the file.
  package var reasons: [DecisionReason]
  /// The policy looks at the method, the path, the client's address or the ssh login: not to be kept per session.
  package var dependsOnRequest: Bool
  /// It looks at the certificate of the connection: not to be kept per session either.
  package var dependsOnCertificate: Bool
  /// When this answer may change by itself: the end of the session it rests on, or the time that a criterion names.
  package var validUntil: UnixTime?

  package init(
    isAllowed: Bool, needsSignIn: Bool = false, needsOtherKey: Bool = false, certificateFault: CertificateFault? = nil,
    reasons: [DecisionReason] = [], dependsOnRequest: Bool = false, dependsOnCertificate: Bool = false,
    validUntil: UnixTime? = nil
  ) {
    self.isAllowed = isAllowed
    self.needsSignIn = needsSignIn
    self.needsOtherKey = needsOtherKey
    self.certificateFault = certificateFault
    self.reasons = reasons
    self.dependsOnRequest = dependsOnRequest
    self.dependsOnCertificate = dependsOnCertificate
    self.validUntil = validUntil
  }

  /// The names of the reasons that made the answer, each once, in order; for logs.
  package var decidingReasonNames: [String] {
    var names: [String] = []
    for reason in reasons where reason.isDeciding && !names.contains(reason.name) { names.append(reason.name) }
    return names
  }
}

/// Why a certificate does not do.
package enum CertificateFault: Sendable, Equatable {
  /// None was shown.
  case required
  /// No authority that counts vouches for the one that was shown.
  case invalid
}

/// What one criterion said.
package struct DecisionReason: Sendable, Equatable {
  /// Counted from 0, in the order of the file; rules merged from other keys follow.
  package var rule: Int
  package var action: RuleAction
  package var operation: GroupOperator
  /// As written: `email`, `claim/groups`.
  package var criterion: String
  package var position: SourcePosition
  /// What the criterion itself said, before `not` and `nor` turn it.
  package var matched: Bool
  /// Whether the group it belongs to holds.
  package var groupHolds: Bool
  /// The reference's word for it: `email-unauthorized`, `user-unauthenticated`.
  package var name: String
  /// Whether it belongs to what made the answer.
  package var isDeciding: Bool

  package init(
    rule: Int, action: RuleAction, operation: GroupOperator, criterion: String, position: SourcePosition = .none,
    matched: Bool, groupHolds: Bool, name: String, isDeciding: Bool
  ) {
    self.rule = rule
    self.action = action
    self.operation = operation
    self.criterion = criterion
    self.position = position
    self.matched = matched
    self.groupHolds = groupHolds
    self.name = name
    self.isDeciding = isDeciding
  }
}

package enum RuleAction: String, Sendable, CaseIterable {
  case allow
  case deny
}

/// How the criteria of a group are joined. `not` and `nor` are the reference's, not Boole's.
package enum GroupOperator: String, Sendable, CaseIterable {
  /// Every criterion is true.
  case and
  /// At least one criterion is true.
  case or
  /// Every criterion is false.
  case not
  /// At least one criterion is false.
  case nor
}
