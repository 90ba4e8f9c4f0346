import DequeModule
import NIOCore

/// What leaves on channels: queued per channel, sent in turn.
extension ConnectionMachine {
  func isWritable(_ id: ChannelID) -> Bool {
    guard let channel = channels[id] else { return false }
    return !channel.isFinishing && channel.queuedBytes < configuration.channels.highWaterMark
  }

  mutating func write(_ bytes: ByteBuffer, code: UInt32?, to id: ChannelID) {
    guard let channel = channels[id], !channel.isFinishing, bytes.readableBytes > 0 else { return }
    channel.output.append(code.map { .extendedData(bytes, code: $0) } ?? .data(bytes))
    channel.queuedBytes += bytes.readableBytes
    if channel.queuedBytes >= configuration.channels.highWaterMark { channel.owesWritable = true }
    schedule(channel)
  }

  mutating func finishWriting(_ id: ChannelID) {
    guard let channel = channels[id], !channel.isFinishing else { return }
    channel.isFinishing = true
    channel.output.append(.endOfFile)
    schedule(channel)
  }

  mutating func close(_ id: ChannelID, _ how: ChannelClosing, _ transport: inout TransportMachine) throws(SSHError) {
    guard let channel = channels[id] else { return }
    channel.isFinishing = true
    switch channel.state {
    case .opening:
      if how == .afterQueued, !channel.output.isEmpty {
        // What was written early still goes, once the channel is open.
        guard !channel.isClosing else { return }
        channel.isClosing = true
        channel.output.append(.close)
      } else {
        channel.state = .opening(abandoned: true)
      }
    case .requested:
      reject(id, .connectFailed, "closed", &transport)
    case .open:
      switch how {
      case .now:
        channel.isClosing = true
        try sendClose(channel, &transport)
      case .afterQueued:
        guard !channel.isClosing else { return }
        channel.isClosing = true
        channel.output.append(.close)
        schedule(channel)
      }
    }
  }

  /// Behind what is queued, so that an exit status follows the last output.
  mutating func sendRequest(_ request: ChannelRequest, on id: ChannelID, wantsReply: Bool) {
    guard let channel = channels[id], channel.isOpen, !channel.isClosing else { return }
    if wantsReply { channel.unanswered += 1 }
    var payload = ByteBuffer()
    request.write(recipient: channel.peerNumber, wantsReply: wantsReply, into: &payload)
    channel.output.append(.message(payload))
    schedule(channel)
  }

  mutating func consumed(_ count: Int, from id: ChannelID, _ transport: inout TransportMachine) {
    guard let channel = channels[id], let credit = channel.window.consume(count) else { return }
    let (sum, overflow) = credit.addingReportingOverflow(growth(of: channel))
    // After our CLOSE nothing is sent; after the peer's EOF nothing is expected.
    guard !overflow, channel.isOpen, !channel.sentClose, !channel.receivedEOF else { return }
    let peerNumber = channel.peerNumber
    transport.send(estimate: 16) { buffer in
      buffer.writeInteger(MessageNumber.channelWindowAdjust)
      buffer.writeInteger(peerNumber)
      buffer.writeInteger(sum)
    }
  }

  /// Doubles a window that holds a quick consumer back, within the budget of the connection (ssh.md 3.2).
  private mutating func growth(of channel: Channel) -> UInt32 {
    guard channel.window.isLimiting(now: configuration.clock(), roundTrip: roundTrip) else { return 0 }
    let size = channel.window.size
    let room = UInt32(clamping: configuration.channels.windowBudget - grownWindow)
    guard size < configuration.channels.maximumWindow, size <= room else { return 0 }
    let more = channel.window.grow(by: min(size, configuration.channels.maximumWindow - size))
    grownWindow += Int(more)
    return more
  }

  /// Turns queued data into packets, one piece of each channel in turn, until `limit` bytes wait in the transport.
  mutating func sealQueued(limit: Int, _ transport: inout TransportMachine) throws(SSHError) {
    while transport.mayCarryMessages, transport.pendingBytes < limit, let channel = round.popFirst() {
      channel.isScheduled = false
      try sendNext(of: channel, &transport)
      schedule(channel)
    }
  }

  private mutating func sendNext(of channel: Channel, _ transport: inout TransportMachine) throws(SSHError) {
    guard channel.canSend, let first = channel.output.popFirst() else { return }
    switch first {
    case .data(let bytes):
      var rest = bytes
      sendPiece(of: &rest, code: nil, channel, &transport)
      if rest.readableBytes > 0 { channel.output.prepend(.data(rest)) }
    case .extendedData(let bytes, let code):
      var rest = bytes
      sendPiece(of: &rest, code: code, channel, &transport)
      if rest.readableBytes > 0 { channel.output.prepend(.extendedData(rest, code: code)) }
    case .message(let payload):
      transport.send(payload)
    case .endOfFile:
      sendEOF(channel, &transport)
    case .close:
      try sendClose(channel, &transport)
    }
  }

  private mutating func sendPiece(
    of rest: inout ByteBuffer, code: UInt32?, _ channel: Channel, _ transport: inout TransportMachine
  ) {
    let count = min(rest.readableBytes, channel.maximumPacket, Int(channel.sendWindow))
    guard let piece = rest.readSlice(length: count) else { return }
    channel.sendWindow -= UInt32(truncatingIfNeeded: count)
    channel.queuedBytes -= count
    let peerNumber = channel.peerNumber
    transport.send(estimate: count + 16) { buffer in
      if let code {
        buffer.writeInteger(MessageNumber.channelExtendedData)
        buffer.writeInteger(peerNumber)
        buffer.writeInteger(code)
      } else {
        buffer.writeInteger(MessageNumber.channelData)
        buffer.writeInteger(peerNumber)
      }
      buffer.writeInteger(UInt32(truncatingIfNeeded: count))
      buffer.writeImmutableBuffer(piece)
    }
    if channel.owesWritable, channel.queuedBytes <= configuration.channels.lowWaterMark {
      channel.owesWritable = false
      events.append(.channelWritable(channel.id))
    }
  }
}
