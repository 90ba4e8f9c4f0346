import EdgeCrypto
import Policy

/// The certificate that a visitor showed when the connection began: read once, and judged by the rules in force whenever
/// these change or the verdict is too old.
final class VisitorCertificate {
  let facts: ClientCertificate
  private let peer: PeerCertificates
  private var verdict: Verdict?

  private struct Verdict {
    /// Who said it: not the rules of before a reload.
    var verifier: ClientCertificateVerifier
    var isValid: Bool
    /// Seconds since 1970.
    var until: Int64
  }

  /// A refusal may be over soon (a certificate that is not valid yet), and must not cost a signature check each time.
  private static let refusalSeconds: Int64 = 10

  /// Nil when none was shown, or one that cannot be read.
  init?(_ engine: TLSEngine) {
    guard let peer = engine.peerCertificates, let certificate = peer.certificate else { return nil }
    self.peer = peer
    facts = ClientCertificate(
      fingerprint: Digest.sha256(certificate.der), keyHash: certificate.spkiSHA256, dnsNames: certificate.dnsNames,
      emailAddresses: certificate.emailAddresses, uris: certificate.uris)
  }

  /// What the rules say of it, and until when they say so.
  func judge(by verifier: ClientCertificateVerifier, at now: UnixTime) -> (shown: ShownCertificate, until: UnixTime) {
    let seconds = now.seconds
    let current: Verdict
    if let verdict, verdict.verifier === verifier, seconds < verdict.until {
      current = verdict
    } else {
      switch verifier.verify(peer, at: seconds) {
      case .valid(let until): current = Verdict(verifier: verifier, isValid: true, until: until)
      case .invalid:
        current = Verdict(verifier: verifier, isValid: false, until: seconds &+ Self.refusalSeconds)
      }
      verdict = current
    }
    return (current.isValid ? .valid(facts) : .invalid(facts), UnixTime(seconds: current.until))
  }
}

extension ShownCertificate {
  /// Why it does not do where a good one is asked for.
  var fault: CertificateFault? {
    switch self {
    case .notAsked, .valid: nil
    case .missing: .required
    case .invalid: .invalid
    }
  }

  /// What may be told to services.
  var proven: ClientCertificate? {
    if case .valid(let certificate) = self { return certificate }
    return nil
  }
}
