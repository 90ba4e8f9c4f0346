import DequeModule
import NIOCore

/// Requests in both directions, on channels and on the connection. Answers keep the order of the questions.
extension ConnectionMachine {
  // MARK: channel requests

  mutating func request(_ payload: ByteBuffer, _ transport: inout TransportMachine) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_REQUEST")
    let number = try reader.uint32("channel")
    let type = String(
      decoding: try reader.bytes("request type", limit: configuration.limits.nameLength * 4), as: UTF8.self)
    let wantsReply = try reader.boolean("want reply")
    guard let channel = try existingOrOver(number, "a request") else { return }
    // Requests that cross our CLOSE are dropped; no answer may follow it.
    guard !channel.sentClose else { return try spendEmptyMessage() }
    var token: ReplyToken?
    if wantsReply {
      token = ReplyToken(
        channel: channel.id, number: try channel.replies.expect(limit: configuration.limits.outstandingReplies))
    } else {
      try spendEmptyMessage()
    }
    let request: ChannelRequest
    do {
      request = try ChannelRequest(type: type, &reader, limits: configuration.limits)
    } catch {
      // One that does not parse fails, and costs nobody their tunnels (x/crypto 9beb694: a short exit-status).
      if let token { answer(token, success: false, &transport) }
      return
    }
    switch request {
    case .other, .endOfWrite:
      // PuTTY sends winadj@… all the time and wants exactly this (ssh.md 3.7).
      if let token { answer(token, success: false, &transport) }
      if request == .endOfWrite { endOfWrite(channel) }
    case .environment:
      channel.environmentVariables += 1
      if channel.environmentVariables > configuration.limits.environmentVariables {
        if let token { answer(token, success: false, &transport) }
      } else {
        events.append(.channelRequest(channel.id, request, reply: token))
      }
    case .exitStatus, .exitSignal:
      // Ours to send (ssh.md 3.7); a client tells it of a session that we opened, which we never do.
      if configuration.role == .server {
        if let token { answer(token, success: false, &transport) }
      } else {
        events.append(.channelRequest(channel.id, request, reply: token))
      }
    case .pty where terms?.permitsTerminal == false:
      if let token { answer(token, success: false, &transport) }
    case .pty, .windowChange, .shell, .exec, .subsystem, .signal:
      events.append(.channelRequest(channel.id, request, reply: token))
    }
  }

  mutating func requestAnswered(_ payload: ByteBuffer, success: Bool) throws(SSHError) {
    var reader = MessageReader(message: payload, success ? "CHANNEL_SUCCESS" : "CHANNEL_FAILURE")
    let number = try reader.uint32("channel")
    try reader.end()
    // Also for a channel that is over (x/crypto CVE-2026-39830).
    guard channels[number] != nil || !channels.hasKnown(number) else { return try spendUnaskedReply() }
    let channel = try existing(number, "an answer")
    guard channel.unanswered > 0 else { return try spendUnaskedReply() }
    channel.unanswered -= 1
    events.append(.channelRequestAnswered(channel.id, success: success))
  }

  // MARK: global requests

  mutating func globalRequest(
    _ payload: ByteBuffer, sessionID: [UInt8], _ transport: inout TransportMachine
  ) throws(SSHError) {
    guard globalRequests.spend(now: configuration.clock()) else {
      throw .limit("global requests", bound: Int(configuration.limits.globalRequestBurst))
    }
    let (request, wantsReply) = try GlobalRequest.read(payload, limits: configuration.limits)
    var token: ReplyToken?
    if wantsReply {
      token = ReplyToken(channel: nil, number: try globalReplies.expect(limit: configuration.limits.outstandingReplies))
    }
    let isServer = configuration.role == .server
    switch request {
    case .forward(let address) where isServer:
      try spendForwardRequest()
      events.append(.forwardRequested(address, reply: token))
    case .cancelForward(let address) where isServer:
      try spendForwardRequest()
      events.append(.forwardCancelled(address, reply: token))
    case .socketForward(let path) where isServer:
      try spendForwardRequest()
      events.append(.socketForwardRequested(path: path, reply: token))
    case .noMoreSessions where isServer:
      refusesSessions = true
      if let token { answer(token, success: true, &transport) }
    case .proveHostKeys(let blobs) where isServer:
      guard let token else { return }
      hostKeyProofs += 1
      guard hostKeyProofs <= configuration.limits.hostKeyProofs else {
        return answer(token, success: false, &transport)
      }
      let work = HostKeyProofWork(
        of: blobs, configuration: configuration, sessionID: sessionID,
        negotiated: transport.established?.algorithms.hostKey.signature, token: token)
      guard let work else { return answer(token, success: false, &transport) }
      if work.isExpensive, configuration.keyExchangeOffload == .expensive {
        events.append(.hostKeyProofWork(work))
      } else {
        complete(work, try work.run(), &transport)
      }
    case .forward, .cancelForward, .socketForward, .noMoreSessions, .proveHostKeys, .unknown:
      if let token { answer(token, success: false, &transport) }
    }
  }

  private mutating func spendForwardRequest() throws(SSHError) {
    guard forwardRequests.spend(now: configuration.clock()) else {
      throw .limit("requests for forwards", bound: Int(configuration.limits.forwardRequestBurst))
    }
  }

  mutating func globalReply(_ payload: ByteBuffer, success: Bool) throws(SSHError) {
    guard let first = sentRequests.popFirst() else { return try spendUnaskedReply() }
    var data = payload
    data.moveReaderIndex(forwardBy: 1)
    // Answers keep the order of the questions, so this is the one's own.
    noteRoundTrip(configuration.clock() &- first.sentAt)
    if first.wanted { events.append(.globalRequestAnswered(first.id, success: success, data: data)) }
  }

  mutating func noteRoundTrip(_ sample: UInt64) { roundTrip.note(sample, now: configuration.clock()) }

  /// Any answer will do: clients answer FAILURE, or something.
  mutating func sendKeepalive(_ transport: inout TransportMachine) {
    guard sentRequests.count < configuration.limits.outstandingReplies else { return }
    _ = sendGlobalRequest(GlobalRequest.keepalive, wantsReply: true, wanted: false, data: ByteBuffer(), &transport)
  }

  /// x/crypto CVE-2026-39830: replies that nobody asked for.
  private mutating func spendUnaskedReply() throws(SSHError) {
    unaskedReplies += 1
    guard unaskedReplies <= configuration.limits.unaskedReplies else {
      throw .limit("replies to no request", bound: configuration.limits.unaskedReplies)
    }
  }

  /// `wanted`: whether the owner hears of the answer.
  mutating func sendGlobalRequest(
    _ name: String, wantsReply: Bool, wanted: Bool = true, data: ByteBuffer, _ transport: inout TransportMachine
  ) -> GlobalRequestID? {
    var id: GlobalRequestID?
    if wantsReply {
      let request = GlobalRequestID(number: nextRequest)
      nextRequest &+= 1
      sentRequests.append((request, wanted, configuration.clock()))
      id = request
    }
    transport.send { buffer in
      GlobalRequest.write(name, wantsReply: wantsReply, into: &buffer)
      buffer.writeImmutableBuffer(data)
    }
    return id
  }

  // MARK: answers

  mutating func complete(
    _ work: HostKeyProofWork, _ outcome: HostKeyProofWork.Outcome, _ transport: inout TransportMachine
  ) {
    settle(work.token, outcome.reply, &transport)
  }

  mutating func answer(
    _ token: ReplyToken, success: Bool, port: UInt32? = nil, _ transport: inout TransportMachine
  ) {
    var payload = ByteBuffer()
    if let id = token.channel {
      guard let channel = channels[id] else { return }
      payload.writeInteger(success ? MessageNumber.channelSuccess : MessageNumber.channelFailure)
      payload.writeInteger(channel.peerNumber)
    } else {
      payload.writeInteger(success ? MessageNumber.requestSuccess : MessageNumber.requestFailure)
      if success, let port { payload.writeInteger(port) }
    }
    settle(token, payload, &transport)
  }

  private mutating func settle(_ token: ReplyToken, _ payload: ByteBuffer, _ transport: inout TransportMachine) {
    if let id = token.channel {
      guard let channel = channels[id] else { return }
      channel.replies.answer(token.number, payload)
      while let ready = channel.replies.popReady() {
        if !channel.sentClose { transport.send(ready) }
      }
    } else {
      globalReplies.answer(token.number, payload)
      while let ready = globalReplies.popReady() { transport.send(ready) }
    }
  }
}

/// hostkeys-00 (PROTOCOL §2.5): how OpenSSH clients learn of our other host keys.
enum HostKeyAnnouncement {
  static func data(_ configuration: SSHConfiguration) -> ByteBuffer {
    var data = ByteBuffer()
    var seen = Set<[UInt8]>()
    // A key twice is fatal to the client.
    for identity in configuration.identities where seen.insert(identity.publicKey.blob).inserted {
      data.writeSSHString(identity.publicKey.blob)
    }
    return data
  }
}
