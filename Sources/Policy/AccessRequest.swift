/// What a policy decides on: who asks, from where, and for what.
package struct AccessRequest: Sendable {
  /// Nobody signed in: `nil`.
  package var subject: Subject?
  /// The client's address without port, after trusted proxies.
  package var sourceAddress: String?
  package var method: String?
  /// The path exactly as the visitor asked for it, without the query; what is forwarded follows from it.
  package var path: String?
  package var isCORSPreflight: Bool
  /// The login name before the last `@` of an ssh user name.
  package var sshUsername: String?
  /// The wire blob of the ssh key whose signature was verified.
  package var sshPublicKey: [UInt8]?
  /// What is to be published; only where a tunnel is to be opened.
  package var forwardHost: ForwardedHost?
  /// The certificate in which the ssh key came, if it did.
  package var sshCertificate: SSHCertificateShown?
  /// Of the visitor's TLS connection.
  package var certificate: ShownCertificate
  package var now: UnixTime

  package init(
    subject: Subject?, sourceAddress: String? = nil, method: String? = nil, path: String? = nil,
    isCORSPreflight: Bool = false, sshUsername: String? = nil, sshPublicKey: [UInt8]? = nil,
    forwardHost: ForwardedHost? = nil, sshCertificate: SSHCertificateShown? = nil,
    certificate: ShownCertificate = .notAsked, now: UnixTime
  ) {
    self.subject = subject
    self.sourceAddress = sourceAddress
    self.method = method
    self.path = path
    self.isCORSPreflight = isCORSPreflight
    self.sshUsername = sshUsername
    self.sshPublicKey = sshPublicKey
    self.forwardHost = forwardHost
    self.sshCertificate = sshCertificate
    self.certificate = certificate
    self.now = now
  }
}

/// Which name somebody wants to publish.
package enum ForwardedHost: Sendable, Hashable {
  /// In lower case.
  case name(String)
  /// Not known yet: asked for what somebody may publish at all.
  case any
}

/// An OpenSSH user certificate whose bearer was proved, its signature and validity checked.
package struct SSHCertificateShown: Sendable, Hashable {
  /// The wire blob of the key that signed it.
  package var authority: [UInt8]
  /// For which login names it was made; empty for any.
  package var principals: [String]
  /// The first moment in which it is not valid any more.
  package var expiresAt: UnixTime

  package init(authority: [UInt8], principals: [String], expiresAt: UnixTime) {
    self.authority = authority
    self.principals = principals
    self.expiresAt = expiresAt
  }
}
