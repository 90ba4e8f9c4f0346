import EdgeCrypto

/// Everything a connection needs to know before its first byte.
package struct SSHConfiguration: Sendable {
  package var role: SSHRole
  /// Becomes `SSH-2.0-<this>`: no blanks, no `-`, never beginning `OpenSSH` (ssh.md 0).
  package var softwareVersion = "TunnelEdge_1.0"
  /// Server: the keys that prove who we are, preferred first.
  package var hostKeys: [PrivateKey] = [] {
    didSet { identities = hostKeys.map { HostKey($0, certificates: hostCertificates) } }
  }
  /// Server: certificates of these keys, offered before the plain keys.
  package var hostCertificates: [SSHCertificate] = [] {
    didSet { identities = hostKeys.map { HostKey($0, certificates: hostCertificates) } }
  }
  package private(set) var identities: [HostKey] = []
  /// Server: what user certificates are checked against; none are taken without it.
  package var certificates: CertificateSurroundings?
  package var algorithms = AlgorithmPreferences.standard
  /// Security rule 38: only AES-GCM is listed to an OpenSSH client that offers it.
  package var prefersAESGCM = true
  /// How long the server's KEXINIT waits for the client's (security rule 38).
  package var keyExchangeInitWait: UInt64 = .milliseconds(300)
  package var requiresStrictKeyExchange = false
  package var keyExchangeOffload = KeyExchangeOffload.inline
  package var limits = SSHLimits()
  package var rekey = RekeyLimits()
  package var keepalive: KeepaliveConfiguration? = KeepaliveConfiguration()
  package var authentication = AuthenticationConfiguration()
  package var channels = ChannelConfiguration()
  package var clock: MonotonicClock = SystemClock.monotonic
  package var random: RandomSource = SecureRandom.source

  package init(role: SSHRole) {
    self.role = role
  }
}

/// A configuration that connections share: each of their machines holds a reference instead of a copy, which is more than
/// a kilobyte.
package final class SharedSSHConfiguration: Sendable {
  package let value: SSHConfiguration

  package init(_ value: SSHConfiguration) {
    self.value = value
  }
}

/// Whether expensive computing (DH, P-384, RSA) is done in place or handed out as work.
package enum KeyExchangeOffload: Sendable, Equatable {
  case inline
  /// It comes out as `SSHEvent.keyExchangeWork`, `hostKeyProofWork` and `signatureWork`.
  case expensive
}

/// When we start a rekey; nil means by cipher (1 GiB for ChaCha20, 64 GiB for AES).
package struct RekeyLimits: Sendable, Equatable {
  package var bytes: UInt64?
  /// RFC 4344 §3.1.
  package var packets: UInt64 = 1 << 31
  package var interval: UInt64? = .seconds(3600)
  /// Keys that carried less, both ways together, are not renewed by time: an idle tunnel's keepalives wear out nothing.
  package var intervalBytes: UInt64 = 1 << 20
  /// From the first KEXINIT to both NEWKEYS.
  package var timeLimit: UInt64 = .seconds(30)

  package init() {}
}

package struct KeepaliveConfiguration: Sendable, Equatable {
  package var interval: UInt64
  package var misses: Int
  /// After the first unanswered question the others come sooner, so that three misses at the default interval are over in
  /// less than a minute.
  var repetition: UInt64 { interval / 4 * 3 }

  package init(interval: UInt64 = .seconds(15), misses: Int = 3) {
    self.interval = interval
    self.misses = misses
  }
}

package struct AuthenticationConfiguration: Sendable {
  /// The client's identification line must be there by then (ssh.md 1.1).
  package var identificationTime: UInt64 = .seconds(10)
  /// From the start to the first authentication request.
  package var firstRequestTime: UInt64 = .seconds(30)
  /// From the start to a proved key (`ssh_login_grace_time`).
  package var graceTime: UInt64 = .seconds(120)
  /// Makes failure delays unpredictable (ssh.md 2.2); one per start of the program.
  package var delaySecret: [UInt8] = SecureRandom.bytes(16)
  package var failureDelay: UInt64 = .milliseconds(5)
  package var failureDelayLimit: UInt64 = .seconds(5)
  /// While a sign-in waits (product.md): OpenSSH with ServerAliveInterval=1 gives up after three silent seconds.
  package var waitingIgnoreInterval: UInt64 = .seconds(1)
  package var waitingRefreshInterval: UInt64 = .seconds(20)
  /// How long a client may take to answer an empty prompt, which no person sees: after that it is frozen or gone.
  package var waitingAnswerTime: UInt64 = .seconds(60)

  package init() {}
}

package struct ChannelConfiguration: Sendable {
  package var permitsSessions = true
  package var permitsDirectTCPIP = false
  /// product.md, fine point 14.
  package var initialWindow: UInt32 = 256 * 1024
  package var maximumWindow: UInt32 = 8 * 1024 * 1024
  /// What all windows of a connection may announce together (ssh.md 3.2), and all of all connections.
  package var windowLimit = 64 * 1024 * 1024
  package var windowMemory = WindowMemory(limit: 1 << 30)
  package var maximumPacket: UInt32 = 32 * 1024
  /// How much may wait on one channel before its writer is asked to stop, and when it is asked to go on.
  package var highWaterMark = 64 * 1024
  package var lowWaterMark = 32 * 1024
  /// How much may wait on all channels before all writers but those with a little are asked to stop, and before the peer is
  /// given up.
  package var sendQueueSoftLimit = 4 * 1024 * 1024
  package var sendQueueHardLimit = 16 * 1024 * 1024

  package init() {}
}

/// One of our host keys with what follows from it.
package struct HostKey: Sendable {
  package let privateKey: PrivateKey
  package let publicKey: SSHPublicKey
  package let certificate: SSHCertificate?
  let plainAlgorithms: [SSHKeyAlgorithm]
  let certificateAlgorithms: [SSHKeyAlgorithm]

  init(_ key: PrivateKey, certificates: [SSHCertificate] = []) {
    privateKey = key
    let publicKey = SSHPublicKey(key.publicKey)
    self.publicKey = publicKey
    certificate = certificates.first { $0.key == publicKey }
    plainAlgorithms = publicKey.signatureAlgorithms.map { SSHKeyAlgorithm.plain($0) }
    certificateAlgorithms = certificate?.algorithms ?? []
  }

  func has(_ algorithm: SSHKeyAlgorithm) -> Bool {
    (algorithm.isCertificate ? certificateAlgorithms : plainAlgorithms).contains(algorithm)
  }

  /// K_S of an exchange with this algorithm (ssh.md 1.5, 1.13).
  func blob(_ algorithm: SSHKeyAlgorithm) -> [UInt8] {
    algorithm.isCertificate ? certificate?.blob ?? publicKey.blob : publicKey.blob
  }
}
