import EdgeConfig
import EdgeCrypto
import Policy
import SSHProtocol
import SSHServer

/// The ssh server.
extension EdgeSettings {
  static func hostKeys(_ configuration: EdgeConfiguration) throws(EdgeSettingsError) -> [PrivateKey] {
    var keys: [PrivateKey] = []
    for written in configuration.ssh?.hostKeys ?? [] {
      let key = try key(written.pem.reveal(), name: written.name)
      let name = SSHPublicKey(key.publicKey).algorithmName
      if keys.contains(where: { SSHPublicKey($0.publicKey).algorithmName == name }) {
        throw EdgeSettingsError(
          description: "\(written.name): a second \(name) host key; keep one of each algorithm")
      }
      keys.append(key)
    }
    return keys
  }

  static func ssh(_ configuration: EdgeConfiguration, hostKeys: [PrivateKey], audit: AuditLog?)
    -> SSHServerConfiguration?
  {
    guard let written = configuration.ssh else { return nil }
    var ssh = SSHServerConfiguration(
      addresses: written.address.expanded.map { .init(host: $0.host, port: $0.port) }, hostKeys: hostKeys)
    ssh.softwareVersion = "TunnelEdge_\(Version.number)"
    ssh.prefersAESGCM = written.prefersAESGCM ?? Processor.hasAES
    ssh.requiresStrictKeyExchange = written.transport.requiresStrictKeyExchange
    ssh.offersGroup18 = written.transport.offersGroup18
    ssh.rekey.bytes = written.transport.rekeyBytes
    ssh.rekey.interval = written.transport.rekeyInterval.map { .milliseconds(UInt64(clamping: $0)) }
    ssh.loginGraceSeconds = written.loginGraceTime / 1000
    ssh.signInTimeoutSeconds = written.signInTimeout / 1000
    ssh.maxStartups = .init(
      start: written.maxStartups.start, rate: written.maxStartups.rate, full: written.maxStartups.full)
    ssh.sources = SourceLimits(written.sources)
    // What a proxy sends without a header, or for itself, stands for many people, too.
    ssh.sources.exempt += configuration.listener.trustedProxies
    ssh.maxConnectionsPerPerson = written.maxConnectionsPerUser
    ssh.usesProxyProtocol = written.usesProxyProtocol
    ssh.trustedProxies = configuration.listener.trustedProxies
    ssh.maxForwards = written.maxForwards
    ssh.maxChannels = written.maxChannels
    ssh.windowMemory = written.windowMemory > 0 ? written.windowMemory : SystemMemory.bytes / 4
    ssh.keepaliveSeconds = written.keepaliveInterval / 1000
    ssh.permitsPublishing = configuration.flags.sshUpstreamTunnel
    if let audit {
      ssh.events = { audit.record(.tunnel($0)) }
      ssh.gateEvents = { audit.record(.gate($0)) }
    }
    return ssh
  }
}

extension SourceLimits {
  fileprivate init(_ written: SourceLimitsConfiguration) {
    self.init()
    maxStartups = written.maxStartups
    block = SourceBlockSize(ipv4: written.ipv4Block, ipv6: written.ipv6Block)
    exempt = written.exempt
    penalties = written.penalties.map { written in
      var penalties = SourcePenalties()
      penalties.amounts = [
        .protocolBreach: written.crash, .failedAuthentication: written.authfail, .refused: written.refuseConnection,
        .noAttempt: written.noAuth, .graceExceeded: written.graceExceeded,
      ]
      penalties.minimum = written.minimum
      penalties.maximum = written.maximum
      penalties.maximumIPv4Sources = written.maximumSources4
      penalties.maximumIPv6Sources = written.maximumSources6
      return penalties
    }
  }
}
