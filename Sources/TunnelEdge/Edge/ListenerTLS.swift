import EdgeConfig
import EdgeCrypto
import HTTPProxy
import Patterns
import Policy

/// What the HTTPS listener shows and asks for, made from the configuration.
enum ListenerTLS {
  /// How long before its end a certificate is warned of.
  private static let noticeDays: Int64 = 30
  private static let secondsPerDay: Int64 = 86_400

  static func context(
    _ listener: ListenerConfiguration, ticketKeys: TicketKeys, now: UnixTime = SystemClock.now()
  ) throws(EdgeSettingsError) -> TLSServerContext {
    var identities: [TLSIdentity] = []
    for certificate in listener.certificates {
      do {
        identities.append(
          try TLSIdentity(
            certificateChainPEM: certificate.certificatePEM, privateKeyPEM: certificate.keyPEM.reveal(),
            ocspResponse: certificate.ocspResponse))
      } catch {
        throw EdgeSettingsError(
          description: "certificate \(certificate.name) (\(certificate.place)): \(error.message)")
      }
    }
    let clients = try listener.clientCertificates.map { written throws(EdgeSettingsError) in try self.clients(written) }
    do {
      let catchAll = try CertificateAuthority.catchAll(now: now.seconds)
      return try TLSServerContext(
        identities: identities.isEmpty ? [catchAll] : identities, unknown: catchAll,
        alpn: HTTPProxyConfiguration.Protocols(listener.requests.protocols).names, clients: clients,
        ticketKeys: ticketKeys)
    } catch {
      throw EdgeSettingsError(description: "certificates: \(error.message)")
    }
  }

  private static func clients(
    _ written: ClientCertificateConfiguration
  ) throws(EdgeSettingsError) -> TLSServerContext.Clients {
    let rules = written.nameRules.map { rule in
      let kind: ClientCertificateVerifier.NameRule.Kind =
        switch rule.kind {
        case .dns: .dns
        case .email: .email
        case .ip: .ip
        case .uri: .uri
        }
      return ClientCertificateVerifier.NameRule(kind) { rule.pattern.matches($0) }
    }
    let identifier = written.nameRules.map { "\($0.kind.rawValue)=\($0.pattern.text)" }.joined(separator: "\n")
    do {
      let verifier = try ClientCertificateVerifier(
        authorities: written.authorities, revocations: written.revocations, nameRules: rules, identifier: identifier,
        maximumDepth: written.maximumDepth)
      return TLSServerContext.Clients(verifier: verifier, isRequired: written.enforcement == .rejectConnection)
    } catch {
      throw EdgeSettingsError(description: "downstream_mtls (\(written.place)): \(error.message)")
    }
  }

  /// What ends soon, or has ended.
  static func warnings(_ context: TLSServerContext, at now: UnixTime) -> [String] {
    var found: [String] = []
    for identity in context.identities {
      let name = identity.names.first ?? identity.leaf.subject
      switch identity.validity(at: now.seconds) {
      case .expired: found.append("the certificate for \(name) has expired: browsers refuse it; renew it")
      case .notYetValid: found.append("the certificate for \(name) is not valid yet: check its dates and the clock")
      case .valid(let left) where left <= noticeDays * secondsPerDay:
        found.append("the certificate for \(name) expires in \(days(left)): renew it")
      case .valid: break
      }
      if let next = identity.staple?.nextUpdate, next <= now.seconds {
        found.append("the OCSP staple for \(name) is out of date and is not shown: fetch a new one")
      }
    }
    guard let verifier = context.clients?.verifier else { return found }
    for authority in verifier.authorities where authority.notAfter - now.seconds <= noticeDays * secondsPerDay {
      let left = authority.notAfter - now.seconds
      found.append(
        "the authority \(authority.subject) in downstream_mtls "
          + (left <= 0 ? "has expired" : "expires in \(days(left))") + ": its certificates are refused then")
    }
    if let end = verifier.listsEnd, end <= now.seconds {
      found.append(
        "a revocation list in downstream_mtls is out of date: certificates of its authority are refused until there is a new one"
      )
    }
    return found
  }

  private static func days(_ seconds: Int64) -> String {
    let days = seconds / secondsPerDay
    return days == 1 ? "1 day" : "\(days) days"
  }
}
