import EdgeCrypto
import PlainText

/// What certificates are held against and this module cannot know.
package struct CertificateSurroundings: Sendable {
  /// The time of day, in seconds since 1970.
  package var now: @Sendable () -> UInt64
  /// Whether an address is in one of these blocks; nil when a block is none.
  package var isWithin: @Sendable (_ address: String, _ blocks: [String]) -> Bool?

  package init(
    now: @escaping @Sendable () -> UInt64, isWithin: @escaping @Sendable (String, [String]) -> Bool?
  ) {
    self.now = now
    self.isWithin = isWithin
  }
}

/// Why a certificate is not taken; for our log.
package struct CertificateRefusal: Error, Sendable, Equatable {
  package let reason: String
}

/// The restrictions that a user certificate puts on its bearer. They go with the proved key and hold until the connection
/// ends, whatever further steps the sign-in takes (x/crypto CVE-2026-39828, CVE-2026-46595).
package struct CertificateTerms: Sendable, Equatable {
  package let keyID: String
  package let serial: UInt64
  package let authorityFingerprint: String
  /// The wire blob of the key that signed it.
  package let authority: [UInt8]
  /// For which names it was made; empty for any.
  package let principals: [String]
  package let permitsForwarding: Bool
  package let permitsTerminal: Bool
  /// It says that a FIDO device need not be touched, which is not honoured.
  let waivesTouch: Bool
  /// What a FIDO signature must show.
  let demands: SecurityKeyDemands
  private let validAfter: UInt64
  /// The first second since 1970 in which it is not valid any more.
  package let validBefore: UInt64
  /// Nil: from anywhere.
  private let sourceBlocks: [String]?

  /// Everything of ssh.md 4.2 that needs no authority to trust and no signature check.
  ///
  /// Who vouches for an authority is known only when the key is proved: mostly nobody does, and the identity is the plain key
  /// inside. So a certificate can take rights from its bearer but never give any, and `no-touch-required` is not honoured: a
  /// program that reaches a FIDO device could sign itself such a certificate and need no touch any more.
  init(
    of certificate: SSHCertificate, from address: String?, _ surroundings: CertificateSurroundings?
  ) throws(CertificateRefusal) {
    guard certificate.kind == .user else { throw CertificateRefusal(reason: "it is a host's certificate") }
    keyID = certificate.keyID
    serial = certificate.serial
    authorityFingerprint = certificate.authority.fingerprint
    authority = certificate.authority.blob
    principals = certificate.principals
    validAfter = certificate.validAfter
    validBefore = certificate.validBefore
    do {
      let critical = certificate.criticalOptions
      let known = [
        CertificateOptions.forceCommand, CertificateOptions.sourceAddress, CertificateOptions.verifyRequired,
      ]
      for name in critical.names where !known.contains(name) {
        let shown = name.printable(limit: 64)
        throw CertificateRefusal(reason: "its critical option \(shown) is not known here")
      }
      if try critical.text(CertificateOptions.forceCommand) != nil {
        throw CertificateRefusal(reason: "it forces a command, and no commands are run here")
      }
      sourceBlocks = try critical.text(CertificateOptions.sourceAddress)?
        .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      demands = SecurityKeyDemands(isVerified: try critical.flag(CertificateOptions.verifyRequired))
      waivesTouch = try certificate.extensions.flag(CertificateOptions.noTouchRequired)
      permitsForwarding = try certificate.extensions.flag(CertificateOptions.permitForwarding)
      permitsTerminal = try certificate.extensions.flag(CertificateOptions.permitTerminal)
    } catch let refusal as CertificateRefusal {
      throw refusal
    } catch {
      throw CertificateRefusal(reason: (error as? SSHError)?.diagnostic ?? "it cannot be read")
    }
    try checkStillHolds(from: address, surroundings)
  }

  /// Asked again when the sign-in succeeds: that may be many minutes after the proof.
  func checkStillHolds(
    from address: String?, _ surroundings: CertificateSurroundings?
  ) throws(CertificateRefusal) {
    guard let surroundings else { throw CertificateRefusal(reason: "certificates cannot be checked here") }
    let now = surroundings.now()
    guard now >= validAfter else { throw CertificateRefusal(reason: "it is not valid yet") }
    guard now < validBefore else { throw CertificateRefusal(reason: "it has expired") }
    guard let sourceBlocks else { return }
    guard let address else { throw CertificateRefusal(reason: "the client's address is not known") }
    switch surroundings.isWithin(address, sourceBlocks) {
    case true: return
    case false: throw CertificateRefusal(reason: "it may not be used from this address")
    case nil: throw CertificateRefusal(reason: "its source-address is no list of address blocks")
    }
  }
}
