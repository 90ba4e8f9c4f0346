import DequeModule
import NIOCore

/// Opening and ending of channels.
extension ConnectionMachine {
  // MARK: the peer opens

  mutating func open(_ payload: ByteBuffer, _ transport: inout TransportMachine) throws(SSHError) {
    guard opens.spend(now: configuration.clock()) else {
      throw .limit("channel opens", bound: Int(configuration.limits.openBurst))
    }
    let message = try ChannelOpenMessage(payload: payload, limits: configuration.limits)
    if let (reason, text) = refusal(message.purpose) {
      refuse(message.sender, reason, text, &transport)
      return
    }
    guard case .known(let purpose) = message.purpose else { return }
    let isSession = purpose == .session
    guard let window = newWindow() else {
      return refuse(message.sender, .resourceShortage, "out of memory for windows", &transport)
    }
    let channel = channels.insert { id in
      Channel(id: id, state: .requested, isOurs: false, isSession: isSession, window: window)
    }
    channel.peerNumber = message.sender
    channel.peerAnnounced(window: message.window, maximumPacket: message.maximumPacket)
    openedByPeer += 1
    if isSession { sessions += 1 }
    events.append(.channelOpenRequested(channel.id, purpose))
  }

  /// Why an open is refused without asking anybody.
  private func refusal(_ purpose: ChannelOpenMessage.Purpose) -> (ChannelOpenFailureReason, String)? {
    switch purpose {
    case .unknown:
      return (.unknownChannelType, "unknown channel type")
    case .prohibited:
      return (.administrativelyProhibited, "not permitted here")
    case .known(let open):
      let isServer = configuration.role == .server
      switch open {
      case .session:
        guard isServer, configuration.channels.permitsSessions, !refusesSessions else {
          return (.administrativelyProhibited, "sessions are not permitted")
        }
        guard sessions < configuration.limits.sessions else { return (.resourceShortage, "too many sessions") }
      case .directTCPIP:
        guard isServer, configuration.channels.permitsDirectTCPIP, terms?.permitsForwarding != false else {
          return (.administrativelyProhibited, "direct connections are not permitted")
        }
      case .forwardedTCPIP:
        guard !isServer else { return (.administrativelyProhibited, "only the server opens this") }
      }
      guard openedByPeer < configuration.limits.channelsOpenedByPeer else {
        return (.resourceShortage, "too many channels")
      }
      return nil
    }
  }

  private func refuse(
    _ peerNumber: UInt32, _ reason: ChannelOpenFailureReason, _ text: String, _ transport: inout TransportMachine
  ) {
    transport.send { buffer in
      buffer.writeInteger(MessageNumber.channelOpenFailure)
      buffer.writeInteger(peerNumber)
      buffer.writeInteger(reason.rawValue)
      buffer.writeSSHString(text)
      buffer.writeSSHString("")
    }
  }

  mutating func accept(_ id: ChannelID, _ transport: inout TransportMachine) {
    guard let channel = channels[id], case .requested = channel.state else { return }
    channel.state = .open
    let window = channel.window.size
    let maximumPacket = configuration.channels.maximumPacket
    let peerNumber = channel.peerNumber
    transport.send(estimate: 32) { buffer in
      buffer.writeInteger(MessageNumber.channelOpenConfirmation)
      buffer.writeInteger(peerNumber)
      buffer.writeInteger(id.number)
      buffer.writeInteger(window)
      buffer.writeInteger(maximumPacket)
    }
    schedule(channel)
  }

  mutating func reject(
    _ id: ChannelID, _ reason: ChannelOpenFailureReason, _ text: String, _ transport: inout TransportMachine
  ) {
    guard let channel = channels[id], case .requested = channel.state else { return }
    // Everything goes: x/crypto CVE-2026-39827 kept the state of rejected channels.
    forget(channel)
    refuse(channel.peerNumber, reason, text, &transport)
  }

  // MARK: we open

  mutating func openChannel(_ open: ChannelOpen, _ transport: inout TransportMachine) -> ChannelID? {
    guard openedByUs < configuration.limits.channelsOpenedByUs, let window = newWindow() else { return nil }
    let channel = channels.insert { id in
      Channel(id: id, state: .opening(abandoned: false), isOurs: true, isSession: open == .session, window: window)
    }
    openedByUs += 1
    channel.openedAt = configuration.clock()
    if channel.isSession { sessions += 1 }
    let maximumPacket = configuration.channels.maximumPacket
    let id = channel.id
    transport.send { buffer in
      ChannelOpenMessage.write(
        open, sender: id.number, window: window.size, maximumPacket: maximumPacket, into: &buffer)
    }
    return id
  }

  mutating func openConfirmed(_ payload: ByteBuffer, _ transport: inout TransportMachine) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_OPEN_CONFIRMATION")
    let number = try reader.uint32("recipient channel")
    let peerNumber = try reader.uint32("sender channel")
    let window = try reader.uint32("window")
    let maximumPacket = try reader.uint32("maximum packet")
    guard maximumPacket > 0 else { throw reader.failure("a maximum packet above 0", "0") }
    guard let channel = channels[number], case .opening(let abandoned) = channel.state else {
      throw .channel("Confirmation of no open.", expected: "a channel being opened", got: "\(number)")
    }
    channel.state = .open
    channel.peerNumber = peerNumber
    channel.peerAnnounced(window: window, maximumPacket: maximumPacket)
    let now = configuration.clock()
    // With what the peer did before it answered (OpenSSH connects first): no round trip is longer.
    if let openedAt = channel.openedAt { roundTrip.note(now &- openedAt, now: now) }
    if abandoned {
      sendClose(channel, &transport)
    } else {
      events.append(.channelOpened(channel.id))
      schedule(channel)
    }
  }

  mutating func openFailed(_ payload: ByteBuffer) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_OPEN_FAILURE")
    let number = try reader.uint32("recipient channel")
    let reason = try reader.uint32("reason")
    // Some clients leave text or language out.
    let text = reader.remainingCount > 0 ? try reader.bytes("text", limit: DisconnectMessage.textLimit) : []
    guard let channel = channels[number], case .opening(let abandoned) = channel.state else {
      throw .channel("Failure of no open.", expected: "a channel being opened", got: "\(number)")
    }
    let isTombstone = channel.isTombstone
    forget(channel)
    if isTombstone { return }
    if abandoned {
      events.append(.channelClosed(channel.id, .finished))
    } else {
      events.append(.channelOpenFailed(channel.id, reason: reason, text: String(decoding: text, as: UTF8.self)))
    }
  }

  /// As large as there is memory for; nil when there is none.
  private mutating func newWindow() -> ReceiveWindow? {
    windows.open(configuration.channels.initialWindow).map { ReceiveWindow(size: $0, now: configuration.clock()) }
  }
}
