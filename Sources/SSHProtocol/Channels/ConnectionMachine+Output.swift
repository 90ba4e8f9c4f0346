import DequeModule
import NIOCore

/// What leaves on channels: queued per channel, sent in turn.
extension ConnectionMachine {
  func isWritable(_ id: ChannelID) -> Bool {
    guard let channel = channels[id] else { return false }
    // Nobody waits for room where everything is thrown away.
    if channel.discardsOutput { return !channel.isClosing }
    return !channel.isFinishing && channel.queuedCost < writableBelow
  }

  /// Also when much waits, every channel has a little: what waits may be for peers' ends that take nothing, and those must
  /// not hold up the others.
  private var writableBelow: Int {
    let usual = configuration.channels.highWaterMark
    return isBackedUp ? min(usual, Channel.writableWhenBackedUp) : usual
  }

  private var writableAgainAt: Int {
    let usual = configuration.channels.lowWaterMark
    return isBackedUp ? min(usual, Channel.writableWhenBackedUp / 2) : usual
  }

  mutating func write(_ bytes: ByteBuffer, code: UInt32?, to id: ChannelID) {
    guard let channel = channels[id], !channel.isFinishing, bytes.readableBytes > 0 else { return }
    channel.output.append(code.map { .extendedData(bytes, code: $0) } ?? .data(bytes))
    channel.queuedBytes += bytes.readableBytes
    queued(bytes.readableBytes + Channel.pieceCost, on: channel)
    schedule(channel)
  }

  mutating func finishWriting(_ id: ChannelID) {
    guard let channel = channels[id], !channel.isFinishing else { return }
    channel.isFinishing = true
    channel.output.append(.endOfFile)
    schedule(channel)
  }

  mutating func close(_ id: ChannelID, _ how: ChannelClosing, _ transport: inout TransportMachine) {
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
        abandon(channel)
      }
    case .requested:
      reject(id, .connectFailed, "closed", &transport)
    case .open:
      switch how {
      case .now:
        channel.isClosing = true
        sendClose(channel, &transport)
      case .afterQueued:
        guard !channel.isClosing else { return }
        channel.isClosing = true
        channel.output.append(.close)
        awaitAnswer(channel)
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
    queued(payload.readableBytes + Channel.pieceCost, on: channel)
    schedule(channel)
  }

  // MARK: credit for what came

  mutating func consumed(_ count: Int, from id: ChannelID, _ transport: inout TransportMachine) {
    guard let channel = channels[id], channel.window.consume(count) else { return }
    // After our CLOSE nothing is sent; after the peer's EOF nothing is expected.
    guard channel.isOpen, !channel.sentClose, !channel.receivedEOF else { return }
    var settled = channel.window.settle(
      now: configuration.clock(), roundTrip: roundTrip.shortest ?? RoundTrip.assumed,
      usual: configuration.channels.initialWindow, isShort: windows.isShort)
    let size = channel.window.size
    if size < channel.reservedWindow { releaseWindow(of: channel, downTo: size) }
    if settled.isLimiting, size < configuration.channels.maximumWindow {
      // Doubled (ssh.md 3.2).
      let more = min(size, configuration.channels.maximumWindow - size)
      if windows.grow(by: more) {
        channel.reservedWindow += more
        if channel.window.grow(by: more) { settled.credit += more }
      }
    }
    guard settled.credit > 0 else { return }
    let peerNumber = channel.peerNumber
    transport.send(estimate: 16) { buffer in
      buffer.writeInteger(MessageNumber.channelWindowAdjust)
      buffer.writeInteger(peerNumber)
      buffer.writeInteger(settled.credit)
    }
  }

  mutating func releaseWindow(of channel: Channel, downTo size: UInt32 = 0) {
    windows.release(channel.reservedWindow - size)
    channel.reservedWindow = size
  }

  // MARK: in turn

  /// Turns queued data into packets until `limit` bytes wait in the transport: deficit round robin, a packet's worth of
  /// bytes for each channel in turn, however small its pieces.
  mutating func sealQueued(limit: Int, _ transport: inout TransportMachine) throws(SSHError) {
    if let failure { throw failure }
    while transport.mayCarryMessages, transport.pendingBytes < limit, let channel = round.first {
      sendNext(of: channel, &transport)
      if !channel.canSend {
        round.removeFirst()
        channel.isScheduled = false
      } else if channel.turn <= 0 {
        round.removeFirst()
        channel.turn = Channel.largestPiece
        round.append(channel)
      }
    }
  }

  private mutating func sendNext(of channel: Channel, _ transport: inout TransportMachine) {
    guard channel.canSend, let first = channel.output.first else { return }
    switch first {
    case .data: sendPiece(code: nil, channel, &transport)
    case .extendedData(_, let code): sendPiece(code: code, channel, &transport)
    case .message(let payload):
      channel.output.removeFirst()
      sent(payload.readableBytes + Channel.pieceCost, on: channel)
      transport.send(payload)
    case .endOfFile:
      channel.output.removeFirst()
      sendEOF(channel, &transport)
    case .close:
      channel.output.removeFirst()
      sendClose(channel, &transport)
    }
  }

  /// One packet: as many of the pieces at the head of the queue as go into it.
  private mutating func sendPiece(code: UInt32?, _ channel: Channel, _ transport: inout TransportMachine) {
    let limit = min(channel.maximumPacket, channel.turn, Int(channel.sendWindow))
    var count = 0
    for piece in channel.output {
      guard count < limit, let bytes = piece.bytes(code: code) else { break }
      count += bytes
    }
    count = min(count, limit)
    guard count > 0 else { return }
    channel.sendWindow -= UInt32(truncatingIfNeeded: count)
    channel.turn -= count
    channel.queuedBytes -= count
    let peerNumber = channel.peerNumber
    var cost = 0
    transport.send(estimate: count + 16) { buffer in
      buffer.writeInteger(code == nil ? MessageNumber.channelData : MessageNumber.channelExtendedData)
      buffer.writeInteger(peerNumber)
      if let code { buffer.writeInteger(code) }
      buffer.writeInteger(UInt32(truncatingIfNeeded: count))
      cost = channel.takePieces(count, into: &buffer)
    }
    sent(cost, on: channel)
  }

  // MARK: how much waits

  mutating func queued(_ cost: Int, on channel: Channel) {
    let settings = configuration.channels
    channel.queuedCost += cost
    queuedCost += cost
    if !isBackedUp, queuedCost >= settings.sendQueueSoftLimit {
      isBackedUp = true
      // Who looks from now on may be told to wait without having written.
      for other in channels.all where other.queuedCost >= writableBelow { other.owesWritable = true }
    }
    if channel.queuedCost >= writableBelow { channel.owesWritable = true }
    if queuedCost > settings.sendQueueHardLimit, failure == nil {
      failure = .limit("bytes waiting for you to read", bound: settings.sendQueueHardLimit)
    }
  }

  mutating func sent(_ cost: Int, on channel: Channel) {
    channel.queuedCost -= cost
    queuedCost -= cost
    if isBackedUp, queuedCost <= configuration.channels.sendQueueSoftLimit / 4 * 3 {
      isBackedUp = false
      // Also those who only looked: they may wait without having written.
      for other in channels.all where !other.isFinishing && other.isOpen {
        other.owesWritable = true
        if other !== channel { tellWritable(other) }
      }
    }
    if channel.owesWritable { tellWritable(channel) }
  }

  private mutating func tellWritable(_ channel: Channel) {
    guard channel.queuedCost <= writableAgainAt else { return }
    channel.owesWritable = false
    events.append(.channelWritable(channel.id))
  }

  /// What was queued goes nowhere: the channel is over, or its peer reads no more.
  mutating func dropOutput(of channel: Channel) {
    channel.output.removeAll()
    channel.queuedBytes = 0
    let cost = channel.queuedCost
    channel.owesWritable = false
    if cost > 0 { sent(cost, on: channel) }
  }
}

extension Channel.Output {
  /// How many bytes of this stream (nil: data, else extended data of this type) it holds.
  fileprivate func bytes(code: UInt32?) -> Int? {
    switch self {
    case .data(let bytes) where code == nil: bytes.readableBytes
    case .extendedData(let bytes, let own) where own == code: bytes.readableBytes
    default: nil
    }
  }
}

extension Channel {
  /// Moves `count` bytes from the head of the queue into a packet. Returns what they cost to keep.
  fileprivate func takePieces(_ count: Int, into buffer: inout ByteBuffer) -> Int {
    var left = count
    var cost = count
    while left > 0, let first = output.popFirst() {
      var (rest, code): (ByteBuffer, UInt32?)
      switch first {
      case .data(let bytes): (rest, code) = (bytes, nil)
      case .extendedData(let bytes, let own): (rest, code) = (bytes, own)
      case .message, .endOfFile, .close: return cost - left
      }
      guard let piece = rest.readSlice(length: min(left, rest.readableBytes)) else { return cost - left }
      buffer.writeImmutableBuffer(piece)
      left -= piece.readableBytes
      if rest.readableBytes > 0 {
        output.prepend(code.map { .extendedData(rest, code: $0) } ?? .data(rest))
      } else {
        cost += Channel.pieceCost
      }
    }
    return cost
  }
}
