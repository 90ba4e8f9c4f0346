import DequeModule
import NIOCore

/// The ends of channels (RFC 4254 §5.3): EOF for one direction, CLOSE for both, and peers that never answer it.
extension ConnectionMachine {
  mutating func endOfFile(_ payload: ByteBuffer) throws(SSHError) {
    let channel = try existing(try number(payload, "CHANNEL_EOF"), "end of file")
    guard !channel.receivedEOF else {
      throw .channel("Second end of file.", expected: "one on \(channel.id)", got: "two")
    }
    channel.receivedEOF = true
    if !channel.sentClose { events.append(.channelEOF(channel.id)) }
  }

  mutating func close(_ payload: ByteBuffer, _ transport: inout TransportMachine) throws(SSHError) {
    let channel = try existing(try number(payload, "CHANNEL_CLOSE"), "a close")
    channel.receivedClose = true
    let inOrder = channel.receivedEOF || channel.sentClose
    let isTombstone = channel.isTombstone
    if !channel.sentClose { sendClose(channel, &transport) }
    forget(channel)
    // A tombstone's owner has been told.
    if !isTombstone { events.append(.channelClosed(channel.id, inOrder ? .finished : .reset)) }
  }

  private func number(_ payload: ByteBuffer, _ message: String) throws(SSHError) -> UInt32 {
    var reader = MessageReader(message: payload, message)
    let number = try reader.uint32("channel")
    try reader.end()
    return number
  }

  /// The peer reads no more (eow@openssh.com): what waits for it is dropped, at once, whatever its window says. The other
  /// direction goes on.
  mutating func endOfWrite(_ channel: Channel) {
    guard !channel.discardsOutput else { return }
    channel.discardsOutput = true
    // Answers and an exit status still go, in their order; so do EOF and CLOSE if they were on their way.
    let kept = channel.output.filter {
      switch $0 {
      case .data, .extendedData: false
      case .message, .endOfFile, .close: true
      }
    }
    let waited = channel.owesWritable
    dropOutput(of: channel)
    for item in kept {
      channel.output.append(item)
      if case .message(let payload) = item { queued(payload.readableBytes + Channel.pieceCost, on: channel) }
    }
    if !channel.isFinishing {
      channel.isFinishing = true
      channel.output.append(.endOfFile)
    }
    if waited { events.append(.channelWritable(channel.id)) }
    schedule(channel)
  }

  // MARK: we end it

  func sendEOF(_ channel: Channel, _ transport: inout TransportMachine) {
    guard !channel.sentEOF, !channel.sentClose else { return }
    channel.sentEOF = true
    send(MessageNumber.channelEOF, to: channel, &transport)
  }

  /// EOF goes before CLOSE even if we mean both: older clients hang otherwise (ssh.md 3.6).
  mutating func sendClose(_ channel: Channel, _ transport: inout TransportMachine) {
    guard !channel.sentClose else { return }
    if !channel.receivedClose { sendEOF(channel, &transport) }
    channel.sentClose = true
    dropOutput(of: channel)
    // What still comes is dropped: nothing of it is kept.
    releaseWindow(of: channel)
    send(MessageNumber.channelClose, to: channel, &transport)
    if !channel.receivedClose { awaitAnswer(channel) }
  }

  private func send(_ number: UInt8, to channel: Channel, _ transport: inout TransportMachine) {
    let peerNumber = channel.peerNumber
    transport.send(estimate: 8) { buffer in
      buffer.writeInteger(number)
      buffer.writeInteger(peerNumber)
    }
  }

  /// Nobody wants the channel any more whose OPEN is out. It is closed when the answer comes; its number cannot serve
  /// before that.
  mutating func abandon(_ channel: Channel) {
    guard case .opening(false) = channel.state else { return }
    channel.state = .opening(abandoned: true)
    dropOutput(of: channel)
    releaseWindow(of: channel)
    awaitAnswer(channel)
  }

  // MARK: peers that do not answer

  mutating func awaitAnswer(_ channel: Channel) {
    guard !channel.isTombstone else { return }
    let limit = configuration.clock() + configuration.limits.closeAnswerTime
    channel.answerDeadline = limit
    deadline = earliest(deadline, limit)
  }

  /// A channel whose end the peer has not confirmed in time is over for its owner and for every count; only its number is
  /// not used again. Who leaves many such numbers behind is disconnected (ssh.md 3.6).
  mutating func timePassed(now: UInt64, _ transport: inout TransportMachine) throws(SSHError) {
    guard let due = deadline, now >= due else { return }
    deadline = nil
    var next: UInt64?
    for channel in channels.all where !channel.isTombstone {
      guard let limit = channel.answerDeadline else { continue }
      guard limit <= now else {
        next = earliest(next, limit)
        continue
      }
      if channel.isOpen, !channel.sentClose {
        // What waited to go before our CLOSE is not taken: now it goes without.
        sendClose(channel, &transport)
        continue
      }
      releaseCount(channel)
      channel.isTombstone = true
      tombstones += 1
      events.append(.channelClosed(channel.id, .finished))
    }
    deadline = earliest(deadline, next)
    guard tombstones <= configuration.limits.tombstones else {
      throw .limit("channels whose close is not answered", bound: configuration.limits.tombstones)
    }
  }

  // MARK: forgetting

  private mutating func releaseCount(_ channel: Channel) {
    if channel.isOurs { openedByUs -= 1 } else { openedByPeer -= 1 }
    if channel.isSession { sessions -= 1 }
  }

  mutating func forget(_ channel: Channel) {
    if channel.isTombstone { tombstones -= 1 } else { releaseCount(channel) }
    dropOutput(of: channel)
    releaseWindow(of: channel)
    channels.remove(channel)
  }

  /// The connection is gone: every channel has ended.
  mutating func connectionLost() {
    for channel in channels.all {
      let isTombstone = channel.isTombstone
      forget(channel)
      if !isTombstone { events.append(.channelClosed(channel.id, .connectionLost)) }
    }
    round.removeAll()
    deadline = nil
  }
}
