import Logging
import NIOCore
import PlainText
import Routing
import SSHProtocol

/// How connections end: with a text where the client can still read it, and with everything given back.
extension ConnectionHandler {
  /// How long the client may take to close after DISCONNECT; closing first could take the text from it.
  private static let lingerMilliseconds: Int64 = 1000
  /// How long a client may take to give its user's terminal back.
  private static let lastWordsMilliseconds: Int64 = 300

  /// Sends DISCONNECT with this text and closes.
  func end(
    _ reason: DisconnectReason, _ text: String, _ release: BindingRelease, streams end: StreamEnd = .connectionLost
  ) {
    if case .ending = phase { return }
    logger.info("ssh client disconnected", metadata: ["text": "\(text)"])
    guard endScreens(text) else {
      connection.disconnect(reason, text)
      return finish(release, end)
    }
    // Nothing of theirs goes on, but the text waits: OpenSSH drops what it has not yet written when it reads DISCONNECT.
    cleanUp(release, end, keepsTransport: true)
    flushOutput()
    timers.set(.linger, in: Self.lastWordsMilliseconds, on: handle) { handler in
      handler.connection.disconnect(reason, text)
      handler.finish(release, end)
    }
  }

  /// The peer broke a rule, or does not answer.
  func fail(_ error: SSHError) {
    if case .ending = phase { return }
    logger.info(
      "ssh connection failed", metadata: ["kind": "\(error.kind)", "diagnostic": "\(error.diagnostic.printable())"])
    judge(error)
    if endScreens(error.text) { connection.sealQueuedData(limit: Self.outboundLimit) }
    connection.disconnect(error)
    finish(.connectionLost, .connectionLost)
  }

  private func finish(_ release: BindingRelease, _ end: StreamEnd) {
    flushOutput()
    cleanUp(release, end)
    guard let context else { return }
    hold(.decision, false)
    hold(.outbound, false)
    hold(.signature, false)
    let handle = handle
    timers.set(.linger, in: Self.lingerMilliseconds, on: handle) { $0.context?.close(promise: nil) }
    context.close(mode: .output, promise: nil)
  }

  /// Gives back what the connection holds; once.
  func cleanUp(_ release: BindingRelease, _ end: StreamEnd, keepsTransport: Bool = false) {
    if case .ending = phase { return }
    if case .signingIn(_, let pending) = phase { pending.hangUp() }
    // While it is still known who published.
    forwards.releaseAll(release)
    leaveGate()
    phase = .ending
    handle.markGone()
    timers.cancelAll()
    cancelMachineTimer()
    let streams = streams.values
    self.streams.removeAll()
    for stream in streams { stream.didEnd(end) }
    let openings = openings.values
    self.openings.removeAll()
    for opening in openings { opening.fail(.gone) }
    lasting = []
    nobodyWaits()
    forgetSessions()
    roundTrips = [:]
    if !keepsTransport { connection.transportClosed() }
    server.remove(handle)
  }

  // MARK: Nothing to do

  /// A connection that holds no forward and no session after a refusal is told why and ended.
  func armRefusal() {
    timers.set(.refusal, in: configuration.refusalGraceMilliseconds, on: handle) { handler in
      guard handler.forwards.isEmpty, handler.sessions.isEmpty else { return }
      handler.end(.byApplication, ForwardRefusal.farewell(handler.refusals), .disconnected)
    }
  }

  func armUnused() {
    guard forwards.isEmpty, sessions.isEmpty else { return timers.cancel(.unused) }
    timers.set(.unused, in: configuration.unusedConnectionSeconds * 1000, on: handle) { handler in
      guard handler.forwards.isEmpty, handler.sessions.isEmpty else { return }
      handler.end(.byApplication, "Nothing was published and no session is open.", .disconnected)
    }
  }

  /// Bytes wait for the client. When not one of them has left for as long as allowed, nobody takes them: a client that goes
  /// on talking but does not listen is not found by keepalives.
  func armUnwritable() {
    guard configuration.unwritableMilliseconds > 0, let taken = bytesTaken else { return }
    timers.set(.unwritable, in: configuration.unwritableMilliseconds, on: handle) { handler in
      guard case .ending = handler.phase else {
        guard handler.context?.channel.isWritable == false else { return }
        if let now = handler.bytesTaken, now > taken { return handler.armUnwritable() }
        return handler.end(.connectionLost, "You took nothing of what was sent to you.", .connectionLost)
      }
    }
  }

  /// What has left for the kernel since the beginning.
  private var bytesTaken: UInt64? {
    guard let waiting = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes) else { return nil }
    return bytesWritten &- UInt64(clamping: waiting)
  }

  // MARK: Drain

  static let drainText = "The edge is shutting down. Connect again in a moment."

  /// Ends when the streams under way are done.
  func drain() {
    isDraining = true
    isForgiven = true
    if case .open = phase {
      for session in sessions.values { session.announce(Self.drainText) }
      endIfDrained()
    } else {
      end(.byApplication, Self.drainText, .disconnected)
    }
  }

  func endIfDrained() {
    guard isDraining, streams.isEmpty, openings.isEmpty, !places.isWaitedFor else { return }
    end(.byApplication, Self.drainText, .disconnected)
  }

  /// Succeeds when the connection is closed, and closes it at the deadline.
  func whenClosed(_ promise: EventLoopPromise<Void>, deadline: NIODeadline) {
    guard let context else { return promise.succeed() }
    let handle = handle
    let timer = eventLoop.scheduleTask(deadline: deadline) {
      handle.perform {
        $0.end(.byApplication, Self.drainText, .disconnected)
        // The text is on its way; half a second to read it.
        $0.timers.set(.linger, in: 500, on: handle) { $0.context?.close(promise: nil) }
      }
    }
    context.channel.closeFuture.whenComplete { _ in timer.cancel() }
    context.channel.closeFuture.cascade(to: promise)
  }

  // MARK: Probe

  /// The owner has bound one of our names again from elsewhere: prove that the client is still there, or go.
  func proveAlive() {
    guard probe == nil, case .open = phase else { return }
    let since = SystemClock.monotonic()
    probe = (
      connection.sendGlobalRequest("keepalive@openssh.com", wantsReply: true, data: ByteBuffer()), since
    )
    timers.set(.probe, in: configuration.probeTimeoutMilliseconds, on: handle) { handler in
      guard let probe = handler.probe else { return }
      handler.probe = nil
      if handler.connection.lastReceived >= probe.since {
        handler.server.registry.confirm(connectionID: handler.handle.id)
      } else {
        let text = "This connection did not answer, and its tunnel was opened again from elsewhere."
        handler.end(.connectionLost, text, .connectionLost)
      }
    }
    settle()
  }

  private func didAnswerProbe(_ id: GlobalRequestID) {
    guard let current = probe, current.id == id else { return }
    probe = nil
    timers.cancel(.probe)
    server.registry.confirm(connectionID: handle.id)
  }

  // MARK: Round trips

  /// More at once tell nothing more.
  private static let mostRoundTrips = 32

  /// Runs `action` when the client has answered a question that is asked now: what it sent before, we have.
  func afterRoundTrip(_ action: @escaping (ConnectionHandler) -> Void) {
    guard case .open = phase, roundTrips.count < Self.mostRoundTrips,
      let id = connection.sendGlobalRequest("keepalive@openssh.com", wantsReply: true, data: ByteBuffer())
    else { return }
    roundTrips[id] = action
    setNeedsFlush()
  }

  func didAnswer(_ id: GlobalRequestID) {
    if let action = roundTrips.removeValue(forKey: id) { action(self) }
    didAnswerProbe(id)
  }
}
