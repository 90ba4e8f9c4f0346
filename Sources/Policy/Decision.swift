/// The answer to one `AccessRequest`, with what led to it.
package struct Decision: Sendable, Equatable {
  package var isAllowed: Bool
  /// Refused, and signing in may help.
  package var needsSignIn: Bool
  /// Refused, and another ssh key may help.
  package var needsOtherKey: Bool
  /// Refused for the certificate of the connection: signing in would not help.
  package var certificateFault: CertificateFault?
  /// The policy looks at the method, the path, the client's address or the ssh login: not to be kept per session.
  package var dependsOnRequest: Bool
  /// It looks at the certificate of the connection: not to be kept per session either.
  package var dependsOnCertificate: Bool
  /// When this answer may change by itself: the end of the session it rests on, or the time that a criterion names.
  package var validUntil: UnixTime?

  package init(
    isAllowed: Bool, needsSignIn: Bool = false, needsOtherKey: Bool = false, certificateFault: CertificateFault? = nil,
    dependsOnRequest: Bool = false, dependsOnCertificate: Bool = false, validUntil: UnixTime? = nil
  ) {
    self.isAllowed = isAllowed
    self.needsSignIn = needsSignIn
    self.needsOtherKey = needsOtherKey
    self.certificateFault = certificateFault
    self.dependsOnRequest = dependsOnRequest
    self.dependsOnCertificate = dependsOnCertificate
    self.validUntil = validUntil
  }
}

/// Why a certificate does not do.
package enum CertificateFault: Sendable, Equatable {
  /// None was shown.
  case required
  /// No authority that counts vouches for the one that was shown.
  case invalid
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
