import DequeModule
import EdgeCrypto
import NIOCore

extension TransportMachine {
  /// Our KEXINIT. `peer` is known when a server composes its first one after reading the client's (security rule 38).
  mutating func sendOffer(after peer: KeyExchangeInitMessage? = nil) throws(SSHError) {
    var message = ownOffer ?? OfferComposition.first(configuration, peerIdentification, peer)
    if ownOffer == nil { ownOffer = message }
    message.cookie = configuration.random(KeyExchangeInitMessage.cookieLength)
    if established != nil {
      // Markers belong to the first KEXINIT only (ssh.md 1.8).
      message.keyExchange.removeAll { AlgorithmNegotiation.markers.contains($0) }
    }
    var payload = ByteBuffer()
    message.write(into: &payload)
    let bytes = payload.bytes
    try writer.write(payloadEstimate: bytes.count) { $0.writeBytes(bytes) }
    exchange = .proposed(KeyExchangeState.Offer(message: message, payload: bytes))
    offerDeadline = nil
    intervalDeadline = nil
    if exchangeDeadline == nil { exchangeDeadline = configuration.clock() + configuration.rekey.timeLimit }
  }

  mutating func peerOffered(_ payload: ByteBuffer, _ packet: PacketReader.Packet) throws(SSHError) {
    if established != nil, isServer, !isAuthenticated {
      // No client rekeys before it is signed in; refusing it keeps the early machine small (ssh.md 1.10).
      throw .outOfPhase(expected: "an authentication message", got: packet.number)
    }
    let message = try KeyExchangeInitMessage(payload: payload, limits: configuration.limits)
    if established == nil { try noteFirstOffer(message, sequence: packet.sequence) }
    if case .idle = exchange {
      if established != nil { try spendIdleExchange() }
      try sendOffer(after: established == nil ? message : nil)
    }
    guard case .proposed(let own) = exchange else {
      throw .outOfPhase(expected: exchange.expectation, got: packet.number)
    }
    try begin(own: own, peer: KeyExchangeState.Offer(message: message, payload: payload.bytes))
  }

  /// An exchange costs us far more than the peer. OpenSSH with `RekeyLimit=16` asks for one after every few packets, and
  /// that is well; asking without having sent anything is not.
  private mutating func spendIdleExchange() throws(SSHError) {
    if carriedData {
      carriedData = false
      return
    }
    guard idleExchanges.spend(now: lastReceived) else {
      throw .limit("key exchanges without data between them", bound: Int(configuration.limits.exchangesWithoutData))
    }
  }

  /// What only the first KEXINIT decides.
  private mutating func noteFirstOffer(_ message: KeyExchangeInitMessage, sequence: UInt32) throws(SSHError) {
    let marker = isServer ? AlgorithmNegotiation.strictClient : AlgorithmNegotiation.strictServer
    isStrict = message.keyExchange.contains(marker)
    peerReadsExtensions = isServer && message.keyExchange.contains(AlgorithmNegotiation.extensionsClient)
    if isStrict, sequence != 0 {
      throw .outOfPhase(expected: "KEXINIT as the first packet", got: MessageNumber.ignore)
    }
    if configuration.requiresStrictKeyExchange, !isStrict {
      throw SSHError(
        kind: .negotiation, reason: .keyExchangeFailed,
        text: "Strict key exchange is required; please update your client.",
        diagnostic: "expected the strict key exchange marker, got none")
    }
  }

  private mutating func begin(own: KeyExchangeState.Offer, peer: KeyExchangeState.Offer) throws(SSHError) {
    guard let peerLine = peerIdentification else { return }
    let client = isServer ? peer : own
    let server = isServer ? own : peer
    let algorithms = try AlgorithmNegotiation.choose(client: client.message, server: server.message)
    let transcript = SessionKeys.Transcript(
      clientIdentification: Array((isServer ? peerLine : ownIdentification).line.utf8),
      serverIdentification: Array((isServer ? ownIdentification : peerLine).line.utf8),
      clientInit: client.payload, serverInit: server.payload)
    let drops =
      peer.message.firstPacketFollows
      && !AlgorithmNegotiation.guessedRight(client: client.message, server: server.message)
    let share = isServer ? nil : try ClientKeyShare(algorithms.keyExchange)
    exchange = .exchanging(
      KeyExchangeState.Exchange(
        algorithms: algorithms, transcript: transcript, dropsNextPacket: drops, share: share))
    if let share {
      try writer.write(payloadEstimate: share.publicValue.count + 16) { buffer in
        buffer.writeInteger(MessageNumber.keyExchangeRequest)
        algorithms.keyExchange.writePublic(share.publicValue, into: &buffer)
      }
    }
  }

  /// Messages 30 and 31.
  mutating func exchangeMessage(_ payload: ByteBuffer, _ number: UInt8) throws(SSHError) {
    guard case .exchanging(let current) = exchange else {
      throw .outOfPhase(expected: exchange.expectation, got: number)
    }
    let wanted = isServer ? MessageNumber.keyExchangeRequest : MessageNumber.keyExchangeReply
    guard number == wanted else { throw .outOfPhase(expected: "message \(wanted)", got: number) }
    if isServer {
      try clientPublicArrived(payload, current)
    } else {
      try serverReplied(payload, current)
    }
  }

  private mutating func clientPublicArrived(
    _ payload: ByteBuffer, _ current: KeyExchangeState.Exchange
  ) throws(SSHError) {
    var message = MessageReader(message: payload, "key exchange init")
    let method = current.algorithms.keyExchange
    let clientPublic = try method.readPublic("client public", &message, limits: configuration.limits)
    try message.end()
    let algorithm = current.algorithms.hostKey
    guard let hostKey = configuration.identities.first(where: { $0.has(algorithm) }) else {
      throw .keyExchange(expected: "a host key for \(algorithm.name)", got: "none")
    }
    let work = KeyExchangeWork(
      method: method, hostKeyAlgorithm: algorithm, hostKey: hostKey, transcript: current.transcript,
      clientPublic: clientPublic, sessionID: established?.sessionID)
    if configuration.keyExchangeOffload == .expensive, work.isExpensive {
      exchange = .computing(current)
      events.append(.keyExchangeWork(work))
      return
    }
    let outcome = try work.run()
    try reply(outcome, current, hostKey: hostKey)
  }

  /// The outcome of work that was handed out.
  package mutating func completeKeyExchange(_ work: KeyExchangeWork, _ outcome: KeyExchangeWork.Outcome) {
    guard !hasEnded, case .computing(let current) = exchange else { return }
    perform { (machine: inout Self) throws(SSHError) in
      try machine.reply(outcome, current, hostKey: work.hostKey)
    }
    updateDeadline()
  }

  private mutating func reply(
    _ outcome: KeyExchangeWork.Outcome, _ current: KeyExchangeState.Exchange, hostKey: HostKey
  ) throws(SSHError) {
    try writer.write(payloadEstimate: outcome.reply.readableBytes) { $0.writeImmutableBuffer(outcome.reply) }
    try switchKeys(
      outcome.keys, current.algorithms, hostKey: hostKey.publicKey, shownAs: hostKey.blob(current.algorithms.hostKey))
  }

  private mutating func serverReplied(_ payload: ByteBuffer, _ current: KeyExchangeState.Exchange) throws(SSHError) {
    guard let share = current.share else { return }
    var message = MessageReader(message: payload, "key exchange reply")
    let algorithms = current.algorithms
    let blob = try message.bytes("host key", limit: SSHPublicKey.blobLimit)
    let serverPublic = try algorithms.keyExchange.readPublic("server public", &message, limits: configuration.limits)
    let signature = try message.bytes("signature", limit: SSHPublicKey.signatureLimit * 2)
    try message.end()
    let hostKey = try SSHPublicKey(blob: blob)
    if let established, established.hostKey != hostKey {
      throw .keyExchange(expected: "the same host key as before", got: "another")
    }
    let secret = try share.finish(serverPublic: serverPublic)
    let hash = SessionKeys.exchangeHash(
      algorithms.keyExchange, current.transcript, hostKey: blob, clientPublic: share.publicValue,
      serverPublic: serverPublic, secret: secret.encoded)
    guard hostKey.verify(signatureBlob: signature, over: hash, algorithm: algorithms.hostKey.signature) else {
      throw .keyExchange(expected: "the host key's signature over the exchange", got: "another signature")
    }
    let keys = SessionKeys(
      digest: algorithms.keyExchange.digest, secret: secret.encoded, exchangeHash: hash,
      sessionID: established?.sessionID ?? hash)
    try switchKeys(keys, algorithms, hostKey: hostKey, shownAs: blob)
  }

  /// Sends NEWKEYS and what waited for it; the peer's direction changes when its NEWKEYS comes.
  private mutating func switchKeys(
    _ keys: SessionKeys, _ algorithms: NegotiatedAlgorithms, hostKey: SSHPublicKey, shownAs blob: [UInt8]
  ) throws(SSHError) {
    let inbound: PacketProtection
    let outbound: PacketProtection
    if isServer {
      inbound = try keys.toServer(algorithms.cipherToServer, algorithms.macToServer, .open)
      outbound = try keys.toClient(algorithms.cipherToClient, algorithms.macToClient, .seal)
    } else {
      inbound = try keys.toClient(algorithms.cipherToClient, algorithms.macToClient, .open)
      outbound = try keys.toServer(algorithms.cipherToServer, algorithms.macToServer, .seal)
    }
    if established == nil, reader.sequenceWrapped || writer.sequenceWrapped {
      throw .limit("packets before the first NEWKEYS", bound: Int(UInt32.max))
    }
    try writer.write(payloadEstimate: 1) { $0.writeInteger(MessageNumber.newKeys) }
    writer.changeKeys(to: outbound, resetsSequence: isStrict)
    exchange = .awaitingNewKeys(inbound, algorithms)
    newKeysSent = configuration.clock()
    if established == nil {
      establishing = Established(
        sessionID: keys.sessionID, hostKey: hostKey, hostKeyBlob: blob, algorithms: algorithms)
      if peerReadsExtensions { try sendExtensions() }
    }
    try releaseHeld()
  }

  private mutating func sendExtensions() throws(SSHError) {
    let algorithms = SSHSignatureAlgorithm.offeredToUsers.map(\.name).joined(separator: ",")
    let message = ExtensionInfoMessage([
      ("server-sig-algs", Array(algorithms.utf8)),
      ("publickey-hostbound@openssh.com", Array("0".utf8)),
      ("ping@openssh.com", Array("0".utf8)),
    ])
    try writer.write(payloadEstimate: 512) { message.write(into: &$0) }
  }

  private mutating func releaseHeld() throws(SSHError) {
    while let payload = held.popFirst() {
      try writer.write(payloadEstimate: payload.readableBytes) { $0.writeImmutableBuffer(payload) }
    }
    heldBytes = 0
    heldPongs = 0
  }

  mutating func peerChangedKeys(_ payload: ByteBuffer) throws(SSHError) {
    guard case .awaitingNewKeys(let inbound, let algorithms) = exchange else {
      throw .outOfPhase(expected: exchange.expectation, got: MessageNumber.newKeys)
    }
    guard payload.readableBytes == 1 else {
      throw .malformed("NEWKEYS", expected: "no content", got: "\(payload.readableBytes - 1) bytes")
    }
    reader.changeKeys(to: inbound, resetsSequence: isStrict)
    if isServer { roundTripSample = lastReceived &- newKeysSent }
    exchange = .idle
    exchangeDeadline = nil
    intervalDeadline = configuration.rekey.interval.map { configuration.clock() + $0 }
    let isFirst = established == nil
    if let first = establishing {
      established = first
      establishing = nil
    }
    established?.algorithms = algorithms
    let toServer = configuration.rekey.bytes ?? algorithms.cipherToServer.bytesPerKey
    let toClient = configuration.rekey.bytes ?? algorithms.cipherToClient.bytesPerKey
    inboundBytesPerKey = isServer ? toServer : toClient
    outboundBytesPerKey = isServer ? toClient : toServer
    guard let established, let peerIdentification else { return }
    let summary = KeyExchangeSummary(
      peerIdentification: peerIdentification.line, sessionID: established.sessionID, algorithms: algorithms,
      isStrict: isStrict, hostKey: established.hostKey, hostKeyBlob: established.hostKeyBlob)
    events.append(isFirst ? .keysEstablished(summary) : .rekeyed(summary))
  }
}

/// What our first KEXINIT lists.
enum OfferComposition {
  static func first(
    _ configuration: SSHConfiguration, _ peerLine: Identification?, _ peer: KeyExchangeInitMessage?
  ) -> KeyExchangeInitMessage {
    let isServer = configuration.role == .server
    let algorithms = configuration.algorithms
    let ciphers = isServer ? self.ciphers(configuration, peerLine, peer) : algorithms.ciphers
    // Certificates first: who knows their authority needs no list of keys (ssh.md 1.13).
    let identities = configuration.identities
    let hostKeys =
      isServer
      ? identities.flatMap(\.certificateAlgorithms) + identities.flatMap(\.plainAlgorithms)
      : algorithms.hostKeys.map { SSHKeyAlgorithm.plain($0) }
    var listed = Set<SSHKeyAlgorithm>()
    let markers =
      isServer
      ? [AlgorithmNegotiation.extensionsServer, AlgorithmNegotiation.strictServer]
      : [AlgorithmNegotiation.extensionsClient, AlgorithmNegotiation.strictClient]
    let names = ciphers.map(\.name)
    let macs = algorithms.macs.map(\.name)
    return KeyExchangeInitMessage(
      cookie: [], keyExchange: algorithms.keyExchange.map(\.name) + markers,
      hostKey: hostKeys.filter { listed.insert($0).inserted }.map(\.name), encryptionToServer: names,
      encryptionToClient: names, macToServer: macs, macToClient: macs, compressionToServer: ["none"],
      compressionToClient: ["none"])
  }

  /// Security rule 38. Leaving out ChaCha20 alone would make OpenSSH up to 9.9 choose CTR with HMAC, which is dearer.
  private static func ciphers(
    _ configuration: SSHConfiguration, _ peerLine: Identification?, _ peer: KeyExchangeInitMessage?
  ) -> [CipherAlgorithm] {
    let all = configuration.algorithms.ciphers
    guard let peer else { return all }
    func offers(_ wanted: [CipherAlgorithm]) -> Bool {
      wanted.contains { peer.encryptionToServer.contains($0.name) }
        && wanted.contains { peer.encryptionToClient.contains($0.name) }
    }
    let gcm = all.filter(\.isGCM)
    if configuration.prefersAESGCM, peerLine?.isOpenSSH == true, offers(gcm) { return gcm }
    if !peer.keyExchange.contains(AlgorithmNegotiation.strictClient) {
      // Terrapin: ChaCha20 without strict key exchange is the weak pair.
      let macs = configuration.algorithms.macs.map(\.name)
      let hasMAC = macs.contains { peer.macToServer.contains($0) } && macs.contains { peer.macToClient.contains($0) }
      let others = all.filter { $0 != .chachaPoly && ($0.isAuthenticated || hasMAC) }
      if offers(others) { return all.filter { $0 != .chachaPoly } }
    }
    return all
  }
}
