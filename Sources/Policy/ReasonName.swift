/// What a criterion says of a request, in the reference's words. Some of them decide what the refused one is told.
package enum ReasonName: String, Sendable, CaseIterable {
  case accept
  case reject
  case userOK = "user-ok"
  case userUnauthorized = "user-unauthorized"
  /// Nobody is signed in: signing in may help.
  case userUnauthenticated = "user-unauthenticated"
  case emailOK = "email-ok"
  case emailUnauthorized = "email-unauthorized"
  case domainOK = "domain-ok"
  case domainUnauthorized = "domain-unauthorized"
  case groupsOK = "groups-ok"
  case groupsUnauthorized = "groups-unauthorized"
  case claimOK = "claim-ok"
  case claimUnauthorized = "claim-unauthorized"
  case sourceIPOK = "source-ip-ok"
  case sourceIPUnauthorized = "source-ip-unauthorized"
  case httpMethodOK = "http-method-ok"
  case httpMethodUnauthorized = "http-method-unauthorized"
  case httpPathOK = "http-path-ok"
  case httpPathUnauthorized = "http-path-unauthorized"
  case corsRequest = "cors-request"
  case nonCORSRequest = "non-cors-request"
  case pomeriumRoute = "pomerium-route"
  case nonPomeriumRoute = "non-pomerium-route"
  case clientCertificateOK = "client-certificate-ok"
  case clientCertificateUnauthorized = "client-certificate-unauthorized"
  case clientCertificateRequired = "client-certificate-required"
  case validClientCertificate = "valid-client-certificate"
  case invalidClientCertificate = "invalid-client-certificate"
  case deviceOK = "device-ok"
  case deviceUnauthenticated = "device-unauthenticated"
  case sshUsernameOK = "ssh-username-ok"
  case sshUsernameUnauthorized = "ssh-username-unauthorized"
  case sshPublicKeyOK = "ssh-publickey-ok"
  /// Another key may help.
  case sshPublicKeyUnauthorized = "ssh-publickey-unauthorized"

  // Ours, beyond the reference.
  case serviceAccountOK = "service-account-ok"
  case serviceAccountUnauthorized = "service-account-unauthorized"
  case sshForwardHostOK = "ssh-forward-host-ok"
  case sshForwardHostUnauthorized = "ssh-forward-host-unauthorized"
  case dateOK = "date-ok"
  case dateUnauthorized = "date-unauthorized"
  case dayOfWeekOK = "day-of-week-ok"
  case dayOfWeekUnauthorized = "day-of-week-unauthorized"
  case timeOfDayOK = "time-of-day-ok"
  case timeOfDayUnauthorized = "time-of-day-unauthorized"
}

/// The reasons of several criteria, as far as an answer depends on them.
struct ReasonSet: OptionSet {
  let rawValue: UInt8

  static let unauthenticated = ReasonSet(rawValue: 1)
  static let otherKey = ReasonSet(rawValue: 2)
  static let certificateRequired = ReasonSet(rawValue: 4)
  static let certificateInvalid = ReasonSet(rawValue: 8)
  /// Any but these.
  static let other = ReasonSet(rawValue: 16)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ name: ReasonName) {
    self =
      switch name {
      case .userUnauthenticated: .unauthenticated
      case .sshPublicKeyUnauthorized: .otherKey
      case .clientCertificateRequired: .certificateRequired
      case .invalidClientCertificate: .certificateInvalid
      default: .other
      }
  }
}
