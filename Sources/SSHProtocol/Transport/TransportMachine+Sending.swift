import DequeModule
import NIOCore

extension TransportMachine {
  /// Whether messages leave at once, instead of waiting for our NEWKEYS.
  package var mayCarryMessages: Bool {
    guard !hasEnded, failure == nil else { return false }
    switch exchange {
    case .idle: return established != nil
    case .awaitingNewKeys: return true
    case .proposed, .exchanging, .computing: return false
    }
  }

  /// Sealed and not yet taken.
  package var pendingBytes: Int { writer.pendingBytes }

  /// Sends one message of the layers above; `body` writes its payload, number first. After our KEXINIT it waits for our
  /// NEWKEYS (RFC 4253 §7.1).
  package mutating func send(estimate: Int = 256, _ body: (inout ByteBuffer) -> Void) {
    guard !hasEnded, failure == nil else { return }
    guard mayCarryMessages else {
      var payload = ByteBuffer()
      body(&payload)
      heldBytes += payload.readableBytes
      guard heldBytes <= configuration.limits.heldBytes else {
        failure = .limit("bytes waiting for a key exchange", bound: configuration.limits.heldBytes)
        return
      }
      held.append(payload)
      return
    }
    do {
      try writer.write(payloadEstimate: estimate, body)
    } catch {
      failure = error
    }
    startRekeyIfDue()
  }

  package mutating func send(_ payload: ByteBuffer) {
    send(estimate: payload.readableBytes) { $0.writeImmutableBuffer(payload) }
  }

  /// DISCONNECT leaves in every state; nothing follows it. `reference` names the connection behind the text.
  package mutating func disconnect(_ reason: DisconnectReason, _ text: String, reference: String? = nil) {
    guard !hasEnded else { return }
    hasEnded = true
    guard peerIdentification != nil else {
      // Before the identifications no packet can be understood.
      if isServer { writer.writeLine(Array((text + "\r\n").utf8)) }
      return
    }
    let message = DisconnectMessage(reason: reason.rawValue, text: text, reference: reference)
    do {
      try writer.write(payloadEstimate: text.utf8.count + 16) { message.write(into: &$0) }
    } catch {
      // The cipher is broken; the connection ends all the same.
      return
    }
  }

  package mutating func takeOutbound() -> ByteBuffer? {
    writer.take()
  }

  /// Starts a rekey, if the state allows one.
  package mutating func startRekey() {
    guard case .idle = exchange, established != nil, isAuthenticated, !hasEnded else { return }
    perform { (machine: inout Self) throws(SSHError) in try machine.sendOffer() }
    updateDeadline()
  }

  /// OpenSSH skips a due rekey until a packet went through the fresh keys; otherwise a small limit loops for ever.
  mutating func startRekeyIfDue() {
    let due =
      writer.bytesUnderKey >= outboundBytesPerKey || reader.bytesUnderKey >= inboundBytesPerKey
      || writer.packetsUnderKey >= configuration.rekey.packets || reader.packetsUnderKey >= configuration.rekey.packets
    guard due, writer.packetsUnderKey > 0, reader.packetsUnderKey > 0 else { return }
    startRekey()
  }

  /// Time has come to `deadline`, or near it.
  package mutating func timePassed() throws(SSHError) {
    guard !hasEnded else { return }
    let now = configuration.clock()
    defer { updateDeadline() }
    if let limit = identificationDeadline, now >= limit { throw .timedOut("identification") }
    if let limit = exchangeDeadline, now >= limit { throw .timedOut("key exchange") }
    if let limit = offerDeadline, now >= limit {
      offerDeadline = nil
      if case .idle = exchange, established == nil { try sendOffer() }
    }
    if let limit = intervalDeadline, now >= limit {
      intervalDeadline = configuration.rekey.interval.map { now + $0 }
      if writer.packetsUnderKey > 0, reader.packetsUnderKey > 0,
        writer.bytesUnderKey &+ reader.bytesUnderKey >= configuration.rekey.intervalBytes
      {
        startRekey()
      }
    }
    if let failure { throw failure }
  }

  mutating func updateDeadline() {
    guard !hasEnded else {
      deadline = nil
      return
    }
    let next = earliest(identificationDeadline, earliest(offerDeadline, exchangeDeadline))
    deadline = isAuthenticated ? earliest(next, intervalDeadline) : next
  }
}
