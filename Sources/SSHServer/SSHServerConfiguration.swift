import EdgeCrypto
import Policy
import SSHProtocol

package struct SSHServerConfiguration: Sendable {
  /// Where to listen. `host` `nil` means every address of both families.
  package struct Address: Sendable, Hashable {
    package var host: String?
    package var port: Int
    package init(host: String?, port: Int) {
      self.host = host
      self.port = port
    }
  }

  /// `MaxStartups`: connections that have not proved a key yet. Below `start` none is turned away, from there on
  /// `rate` percent, rising to all at `full`.
  package struct MaxStartups: Sendable, Hashable {
    package var start = 100
    package var rate = 30
    package var full = 200
    package init(start: Int = 100, rate: Int = 30, full: Int = 200) {
      self.start = start
      self.rate = rate
      self.full = full
    }
  }

  package var addresses: [Address]
  /// Preferred first.
  package var hostKeys: [PrivateKey]
  /// Certificates of these keys.
  package var hostCertificates: [SSHCertificate] = []
  package var softwareVersion = "TunnelEdge_1.0"
  package var prefersAESGCM = true
  package var requiresStrictKeyExchange = false
  /// 13 ms of ours for one packet of theirs: for clients that demand it.
  package var offersGroup18 = false
  package var rekey = RekeyLimits()
  package var loginGraceSeconds: Int64 = 120
  package var signInTimeoutSeconds: Int64 = 900
  package var maxStartups = MaxStartups()
  package var sources = SourceLimits()
  /// Connections of one person, from wherever they come.
  package var maxConnectionsPerPerson = 1024
  /// Whether a proxy must say whom it serves before anything else.
  package var usesProxyProtocol = false
  /// Whose word counts (security rule 22).
  package var trustedProxies: [AddressRange] = []
  package var proxyHeaderMilliseconds: Int64 = 5000
  package var maxForwards = 128
  /// How many visitors' channels a client is asked to hold at once, at most; fewer once it has run out of descriptors.
  package var maxChannels = 64
  /// Bytes that the receive windows of all connections may announce together.
  package var windowMemory = 1 << 30
  /// 0: nobody is asked.
  package var keepaliveSeconds: Int64 = 15
  package var keepaliveMisses = 3
  /// How long a connection may stay that was refused a forward and holds nothing else.
  package var refusalGraceMilliseconds: Int64 = 5000
  /// How long a connection may stay that never asked for anything.
  package var unusedConnectionSeconds: Int64 = 300
  /// How long bytes for the client may wait without any of them leaving.
  package var unwritableMilliseconds: Int64 = 60_000
  package var streamOpenTimeoutMilliseconds: Int64 = 10_000
  /// When an open that is not answered yet raises doubt about its client.
  package var slowOpenMilliseconds: Int64 = 2000
  /// How long a client may take to prove that it lives when its owner binds a name again.
  package var probeTimeoutMilliseconds: Int64 = 2000
  /// `runtime_flags.ssh_upstream_tunnel`.
  package var permitsPublishing = true
  package var events: TunnelEvents = { _ in }
  package var gateEvents: GateEvents = { _ in }
  package var random: RandomSource = SecureRandom.source

  package init(addresses: [Address], hostKeys: [PrivateKey]) {
    self.addresses = addresses
    self.hostKeys = hostKeys
  }
}

extension SSHServerConfiguration {
  /// What the protocol machine of one connection is given.
  var connection: SSHConfiguration {
    var result = SSHConfiguration(role: .server)
    result.softwareVersion = softwareVersion
    result.hostKeys = hostKeys
    result.hostCertificates = hostCertificates
    result.prefersAESGCM = prefersAESGCM
    result.requiresStrictKeyExchange = requiresStrictKeyExchange
    if offersGroup18 { result.algorithms.keyExchange.append(.group18) }
    result.rekey = rekey
    result.authentication.graceTime = .seconds(UInt64(clamping: loginGraceSeconds))
    result.keepalive =
      keepaliveSeconds > 0
      ? KeepaliveConfiguration(interval: .seconds(UInt64(clamping: keepaliveSeconds)), misses: keepaliveMisses) : nil
    result.keyExchangeOffload = .expensive
    // Whoever may have more forwards asks for more at once.
    result.limits.forwardRequestBurst = max(result.limits.forwardRequestBurst, Double(maxForwards) * 4)
    // What its producers may have under way when they are told to stop, at the most.
    let underWay = maxChannels * 192 * 1024
    result.channels.sendQueueHardLimit = max(
      result.channels.sendQueueHardLimit, result.channels.sendQueueSoftLimit + underWay)
    // Whoever may have more channels gets room for their first windows.
    let firstWindow = Int(result.channels.initialWindow)
    result.channels.windowLimit = max(result.channels.windowLimit, maxChannels * (firstWindow + firstWindow / 7 + 1))
    result.random = random
    return result
  }
}
