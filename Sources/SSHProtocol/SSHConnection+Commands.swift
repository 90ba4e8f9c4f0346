import EdgeCrypto
import NIOCore

/// What the owner of a connection can do with it. An id or token that is over does nothing.
extension SSHConnection {
  // MARK: answers to a login

  /// Banner lines, then SUCCESS. False when the attempt is not the newest any more.
  package mutating func acceptLogin(_ attempt: LoginAttempt, banner: [String] = []) -> Bool {
    settled(authentication.accept(attempt, banner: banner))
  }

  /// Partial success; the prompt is shown when the client comes with keyboard-interactive.
  package mutating func requireSignIn(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    settled(authentication.requireSignIn(attempt, prompt: prompt))
  }

  /// Shows another prompt while the client waits; with questions, `promptAnswered` follows.
  package mutating func ask(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    settled(authentication.ask(attempt, prompt: prompt))
  }

  /// FAILURE. To end with a text, disconnect instead.
  package mutating func refuseLogin(_ attempt: LoginAttempt) -> Bool {
    do {
      return settled(try authentication.refuse(attempt))
    } catch {
      transport.failure = transport.failure ?? error
      return true
    }
  }

  private mutating func settled(_ accepted: Bool) -> Bool {
    if accepted { run { (connection: inout Self) throws(SSHError) in try connection.settleAuthentication() } }
    return accepted
  }

  // MARK: transport

  package mutating func startRekey() {
    transport.startRekey()
  }

  package mutating func completeKeyExchange(_ work: KeyExchangeWork, _ outcome: KeyExchangeWork.Outcome) {
    transport.completeKeyExchange(work, outcome)
  }

  package mutating func completeHostKeyProofs(_ work: HostKeyProofWork, _ outcome: HostKeyProofWork.Outcome) {
    channels.complete(work, outcome, &transport)
  }

  package mutating func completeSignature(_ work: SignatureWork, _ outcome: SignatureWork.Outcome) {
    guard phase != .ended else { return }
    run { (connection: inout Self) throws(SSHError) in
      try connection.authentication.complete(work, outcome)
      try connection.settleAuthentication()
    }
  }

  // MARK: global requests

  /// `port` only when the request had port 0 (RFC 4254 §7.1; OpenSSH needs it then).
  package mutating func answer(_ token: ReplyToken, success: Bool, port: UInt32? = nil) {
    channels.answer(token, success: success, port: port, &transport)
  }

  package mutating func sendGlobalRequest(
    _ name: String, wantsReply: Bool, data: ByteBuffer = ByteBuffer()
  ) -> GlobalRequestID? {
    guard phase == .connection else { return nil }
    return channels.sendGlobalRequest(name, wantsReply: wantsReply, data: data, &transport)
  }

  /// Client role: asks the server to listen.
  package mutating func requestForward(_ address: ForwardAddress) -> GlobalRequestID? {
    sendForwardRequest(GlobalRequest.tcpipForward, address)
  }

  package mutating func cancelForward(_ address: ForwardAddress) -> GlobalRequestID? {
    sendForwardRequest(GlobalRequest.cancelTCPIPForward, address)
  }

  private mutating func sendForwardRequest(_ name: String, _ address: ForwardAddress) -> GlobalRequestID? {
    var data = ByteBuffer()
    data.writeSSHString(address.host)
    data.writeInteger(address.port)
    return sendGlobalRequest(name, wantsReply: true, data: data)
  }

  // MARK: channels

  /// Nil when not signed in, or when too many are open.
  package mutating func openChannel(_ open: ChannelOpen) -> ChannelID? {
    guard phase == .connection else { return nil }
    return channels.openChannel(open, &transport)
  }

  package mutating func acceptChannel(_ id: ChannelID) {
    channels.accept(id, &transport)
  }

  package mutating func rejectChannel(_ id: ChannelID, _ reason: ChannelOpenFailureReason, _ text: String) {
    channels.reject(id, reason, text, &transport)
  }

  /// Queues bytes; they leave by `sealQueuedData` as window and fairness allow.
  package mutating func write(_ bytes: ByteBuffer, to id: ChannelID) {
    channels.write(bytes, code: nil, to: id)
  }

  /// Code 1 is standard error.
  package mutating func writeExtended(_ bytes: ByteBuffer, code: UInt32 = 1, to id: ChannelID) {
    channels.write(bytes, code: code, to: id)
  }

  package func isWritable(_ id: ChannelID) -> Bool {
    channels.isWritable(id)
  }

  package func queuedBytes(_ id: ChannelID) -> Int {
    channels.channels[id]?.queuedBytes ?? 0
  }

  package mutating func finishWriting(_ id: ChannelID) {
    channels.finishWriting(id)
  }

  package mutating func closeChannel(_ id: ChannelID, _ how: ChannelClosing = .afterQueued) {
    channels.close(id, how, &transport)
  }

  /// Bytes were passed on; the peer gets credit for them, in larger amounts.
  package mutating func consumed(_ count: Int, from id: ChannelID) {
    channels.consumed(count, from: id, &transport)
  }

  package mutating func sendChannelRequest(_ request: ChannelRequest, on id: ChannelID, wantsReply: Bool = false) {
    channels.sendRequest(request, on: id, wantsReply: wantsReply)
  }

  /// Open and opening ones, and those whose close is not answered yet.
  package var channelCount: Int { channels.channels.count }
  package var sessionCount: Int { channels.sessions }
  /// Something waits to be taken.
  package var hasOutbound: Bool { transport.pendingBytes > 0 }

  /// Those of ours that take a place at the peer: open, opening, or closing for less than its time to answer.
  package var channelsOpenedByUs: Int { channels.openedByUs }
  /// What the windows announce together, in bytes.
  package var announcedWindow: Int { channels.windows.reserved }
  /// The shortest round trip of late, in nanoseconds.
  package var roundTrip: UInt64? { channels.roundTrip.shortest }

  // MARK: client role

  package mutating func requestService() {
    transport.send { ServiceMessage.write(MessageNumber.serviceRequest, "ssh-userauth", into: &$0) }
  }

  package mutating func authenticate(username: String, method: ClientMethod) {
    rememberUsername(username)
    run { (connection: inout Self) throws(SSHError) in
      let payload = try connection.clientAuthentication.request(
        method, username: username, sessionID: connection.transport.sessionID)
      connection.transport.send(payload)
    }
  }

  package mutating func answerPrompt(_ answers: [String]) {
    transport.send { InformationResponseMessage.write(answers, into: &$0) }
  }
}
