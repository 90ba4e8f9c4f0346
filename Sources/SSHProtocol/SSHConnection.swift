import DequeModule
import EdgeCrypto
import NIOCore

/// One SSH connection without its socket: transport, authentication and channels, one above the other.
///
/// Bytes go in by `receive`, events come out of `nextEvent`, bytes leave by `takeOutbound`. One timer is enough: call
/// `timePassed` at `deadline`. Belongs to one event loop.
package struct SSHConnection: ~Copyable {
  private let shared: SharedSSHConfiguration
  var configuration: SSHConfiguration { @inline(__always) _read { yield shared.value } }
  var transport: TransportMachine
  var authentication: AuthenticationMachine
  var clientAuthentication: ClientAuthentication
  var channels: ConnectionMachine
  package private(set) var phase = ConnectionPhase.service
  var events = Deque<SSHEvent>()
  private var username = ""
  private var peerIsOpenSSH = false
  private var unknownMessages = 0
  private var keepaliveDeadline: UInt64?
  private var keepaliveMisses = 0
  private var lastKeepalive: UInt64 = 0
  /// What the peer said in EXT_INFO (client role): signature algorithms it takes.
  package private(set) var peerSignatureAlgorithms: [String]?

  package init(_ configuration: SSHConfiguration) {
    self.init(SharedSSHConfiguration(configuration))
  }

  package init(_ shared: SharedSSHConfiguration) {
    let now = shared.value.clock()
    self.shared = shared
    transport = TransportMachine(shared)
    authentication = AuthenticationMachine(shared, start: now)
    clientAuthentication = ClientAuthentication(shared)
    channels = ConnectionMachine(shared, now: now)
  }

  /// Named in DISCONNECT, so that whoever is told why can be found in the log.
  package var reference: String?

  var isServer: Bool { configuration.role == .server }
  package var lastReceived: UInt64 { transport.lastReceived }
  package var peerIdentification: String? { transport.peerIdentification?.line }
  package var hasEnded: Bool { phase == .ended }
  /// How far a client is that has not signed in, for whoever judges it when it goes.
  package var failedAuthentications: Int { authentication.failures }
  /// A signature of the client's is checked elsewhere.
  package var checksSignature: Bool { authentication.isVerifying }
  package var hasRequestedAuthentication: Bool { authentication.hasBeenAsked }
  /// Our half of the first key exchange is done, which only a client's own half leads to.
  package var hasShownHostKey: Bool { transport.hasAnsweredKeyExchange }

  package mutating func start() {
    transport.start()
  }

  /// Server: where the client connects from, an IP address; told once, before its first bytes. Certificates may say from
  /// where they may be used.
  package mutating func noteSource(_ address: String) {
    authentication.client.address = address
  }

  /// Takes over what was read. Then drain `nextEvent`.
  package mutating func receive(_ bytes: ByteBuffer) throws(SSHError) {
    guard phase != .ended else { return }
    try transport.receive(bytes)
  }

  package mutating func nextEvent() throws(SSHError) -> SSHEvent? {
    while true {
      if let event = events.popFirst() { return event }
      if let event = channels.events.popFirst() { return event }
      guard phase != .ended, !authentication.isVerifying, let below = try transport.nextEvent() else { return nil }
      switch below {
      case .message(let payload, let number, let sequence):
        try message(payload, number, sequence)
      case .keysEstablished(let summary):
        keysEstablished(summary)
      case .rekeyed(let summary):
        return .rekeyed(summary)
      case .extensions(_, let signatureAlgorithms):
        peerSignatureAlgorithms = signatureAlgorithms ?? peerSignatureAlgorithms
      case .keyExchangeWork(let work):
        return .keyExchangeWork(work)
      case .peerDisconnected(let reason, let text):
        phase = .ended
        return .peerDisconnected(reason: reason, text: text)
      }
    }
  }

  private mutating func message(_ payload: ByteBuffer, _ number: UInt8, _ sequence: UInt32) throws(SSHError) {
    switch phase.ruling(on: number, role: configuration.role) {
    case .connection:
      try channels.receive(payload, number: number, sessionID: transport.sessionID, transport: &transport)
    case .authentication:
      if isServer {
        try authentication.receive(payload, number: number)
        if phase == .service { phase = .authentication }
        try settleAuthentication()
      } else {
        try clientMessage(payload, number)
      }
    case .ignored:
      return
    case .unknown:
      unknownMessages += 1
      guard unknownMessages <= configuration.limits.unknownMessages else {
        throw .limit("messages of unknown number", bound: configuration.limits.unknownMessages)
      }
      transport.send(estimate: 8) { buffer in
        buffer.writeInteger(MessageNumber.unimplemented)
        buffer.writeInteger(sequence)
      }
    case .illegal:
      throw .outOfPhase(expected: phase.expectation, got: number)
    }
  }

  private mutating func keysEstablished(_ summary: KeyExchangeSummary) {
    authentication.begin(sessionID: summary.sessionID, hostKey: summary.hostKeyBlob)
    peerIsOpenSSH = transport.peerIdentification?.isOpenSSH == true
    authentication.client.announcesOldRSACertificates =
      transport.peerIdentification?.announcesOldRSACertificates == true
    if let sample = transport.roundTripSample { channels.noteRoundTrip(sample) }
    events.append(.keysEstablished(summary))
  }

  /// Sends what the authentication machine has ready, and passes its events on.
  mutating func settleAuthentication() throws(SSHError) {
    let now = configuration.clock()
    while let event = authentication.nextEvent() {
      switch event {
      case .login(let login):
        username = login.username
        events.append(.login(login))
      case .signInShown(let attempt): events.append(.signInShown(attempt))
      case .promptAnswered(let attempt, let answers): events.append(.promptAnswered(attempt, answers))
      case .loginAbandoned(let attempt): events.append(.loginAbandoned(attempt))
      case .signatureWork(let work): events.append(.signatureWork(work))
      case .certificateRefused(let refusal): events.append(.certificateRefused(reason: refusal.reason))
      case .failed(let error): throw error
      }
    }
    while let next = authentication.nextOutgoing(now: now) {
      transport.send(next.payload)
      if next.isSuccess { signedIn() }
    }
  }

  private mutating func signedIn() {
    phase = .connection
    channels.terms = authentication.terms
    transport.isAuthenticated = true
    transport.updateDeadline()
    if let keepalive = configuration.keepalive { keepaliveDeadline = configuration.clock() + keepalive.interval }
    events.append(.authenticated(username: username))
    if isServer, peerIsOpenSSH {
      _ = channels.sendGlobalRequest(
        GlobalRequest.hostKeys, wantsReply: false, data: HostKeyAnnouncement.data(configuration), &transport)
    }
  }

  private mutating func clientMessage(_ payload: ByteBuffer, _ number: UInt8) throws(SSHError) {
    switch number {
    case MessageNumber.authenticationSuccess:
      signedIn()
    case MessageNumber.serviceAccept:
      phase = .authentication
      events.append(.serviceAccepted)
    default:
      if let event = try clientAuthentication.event(payload, number: number) { events.append(event) }
    }
  }

  // MARK: bytes out

  package mutating func takeOutbound() -> ByteBuffer? {
    transport.takeOutbound()
  }

  /// Turns queued channel data into packets until about `limit` bytes wait to be taken.
  package mutating func sealQueuedData(limit: Int) {
    guard phase == .connection else { return }
    run { (connection: inout Self) throws(SSHError) in
      try connection.channels.sealQueued(limit: limit, &connection.transport)
    }
  }

  package var hasSealableData: Bool { !channels.round.isEmpty && transport.mayCarryMessages }

  // MARK: time

  package var deadline: UInt64? {
    guard phase != .ended else { return nil }
    let next = earliest(earliest(transport.deadline, keepaliveDeadline), channels.deadline)
    return isServer && phase != .connection ? earliest(next, authentication.deadline) : next
  }

  package mutating func timePassed() throws(SSHError) {
    guard phase != .ended else { return }
    let now = configuration.clock()
    try transport.timePassed()
    if isServer, phase != .connection {
      try authentication.timePassed(now: now)
      try settleAuthentication()
    }
    try channels.timePassed(now: now, &transport)
    try keepalive(now: now)
  }

  /// Any packet is a sign of life; only silence is asked (ssh.md 1.12).
  private mutating func keepalive(now: UInt64) throws(SSHError) {
    guard let settings = configuration.keepalive, let limit = keepaliveDeadline, now >= limit else { return }
    let quietSince = transport.lastReceived
    if quietSince >= lastKeepalive { keepaliveMisses = 0 }
    if now < quietSince + settings.interval {
      keepaliveDeadline = quietSince + settings.interval
      return
    }
    guard keepaliveMisses < settings.misses else {
      throw SSHError(
        kind: .timedOut, reason: .connectionLost, text: "No answer to keepalives.",
        diagnostic: "expected a packet within \(settings.misses) keepalives, got nothing")
    }
    keepaliveMisses += 1
    lastKeepalive = now
    keepaliveDeadline = now + settings.repetition
    channels.sendKeepalive(&transport)
  }

  // MARK: ending

  /// Queues DISCONNECT. Nothing is sent or delivered after it.
  package mutating func disconnect(_ reason: DisconnectReason, _ text: String) {
    guard phase != .ended else { return }
    transport.disconnect(reason, text, reference: reference)
    phase = .ended
    events.removeAll()
    channels.events.removeAll()
  }

  package mutating func disconnect(_ error: SSHError) {
    disconnect(error.reason, error.text)
  }

  /// The socket is gone: `channelClosed` follows for every channel.
  package mutating func transportClosed() {
    phase = .ended
    transport.hasEnded = true
    events.removeAll()
    channels.events.removeAll()
    channels.connectionLost()
  }

  /// Runs what may fail in a call that does not throw; the failure comes out of the next one that does.
  mutating func run(_ body: (inout Self) throws(SSHError) -> Void) {
    do {
      try body(&self)
    } catch {
      if transport.failure == nil { transport.failure = error }
    }
  }

  mutating func rememberUsername(_ name: String) { username = name }
}
