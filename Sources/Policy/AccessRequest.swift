/// What a policy decides on: who asks, from where, and for what.
package struct AccessRequest: Sendable {
  /// Nobody signed in: `nil`.
  package var subject: Subject?
  /// The client's address without port, after trusted proxies.
  package var sourceAddress: String?
  package var method: String?
  /// The path exactly as it is forwarded, without the query.
  package var path: String?
  package var isCORSPreflight: Bool
  /// The login name before the last `@` of an ssh user name.
  package var sshUsername: String?
  /// The wire blob of the ssh key whose signature was verified.
  package var sshPublicKey: [UInt8]?
  /// Of the visitor's TLS connection.
  package var certificate: ShownCertificate
  package var now: UnixTime

  package init(
    subject: Subject?, sourceAddress: String? = nil, method: String? = nil, path: String? = nil,
    isCORSPreflight: Bool = false, sshUsername: String? = nil, sshPublicKey: [UInt8]? = nil,
    certificate: ShownCertificate = .notAsked, now: UnixTime
  ) {
    self.subject = subject
    self.sourceAddress = sourceAddress
    self.method = method
    self.path = path
    self.isCORSPreflight = isCORSPreflight
    self.sshUsername = sshUsername
    self.sshPublicKey = sshPublicKey
    self.certificate = certificate
    self.now = now
  }
}
