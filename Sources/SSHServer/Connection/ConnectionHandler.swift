import Logging
import NIOCore
import PlainText
import Policy
import Routing
import SSHProtocol

/// One client's connection: bytes into the machine, its events to whom they concern, its bytes out with one flush per
/// read cycle. What the events mean is in the extensions of this type.
final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How far the client has come.
  enum Phase {
    /// No key proved yet.
    case proving
    /// The authenticator was asked.
    case deciding(ProvenLogin)
    /// The browser is waited for.
    case signingIn(ProvenLogin, any PendingSignIn)
    /// Accepted; SUCCESS is on its way.
    case accepted(Publisher)
    case open(Publisher)
    /// Said goodbye, or lost; nothing more is done.
    case ending
  }

  /// Why no bytes are read from the socket.
  struct ReadHold: OptionSet {
    let rawValue: Int
    static let decision = ReadHold(rawValue: 1)
    static let outbound = ReadHold(rawValue: 2)
    /// A signature is checked elsewhere.
    static let signature = ReadHold(rawValue: 4)
  }

  /// Replies that the client does not fetch: from here on nothing more is read from it.
  static let outboundLimit = 1 << 20
  private static let sealedAtOnce = 128 * 1024

  let handle: ConnectionHandle
  let server: ServerState
  /// As of when the client came.
  private let settings: ServerSettings
  let eventLoop: any EventLoop
  var logger: Logger
  var connection: SSHConnection
  var phase = Phase.proving
  /// The peer, or whom a trusted proxy announced.
  let source: ConnectionSource
  var clientVersion = ""
  var ticket: GateTicket
  /// What the source is to be charged with when the connection ends.
  var judged: Misconduct?
  /// The connection ends for no fault of the client's.
  var isForgiven = false
  var isDraining = false
  var timers = ConnectionTimers()

  lazy var forwards = makeForwards()
  var refusals: [String] = []
  var streams = ChannelMap<ChannelStream>()
  var openings = ChannelMap<StreamOpening>()
  /// Streams that stay open for as long as their visitors like.
  var lasting: Set<ChannelID> = []
  var places: ChannelPlaces<WantedStream>
  var sessions: [ChannelID: SessionChannel] = [:]
  /// While a shell looks.
  var activity: ConnectionActivity?
  var probe: (id: GlobalRequestID?, since: UInt64)?
  /// What is to be done when the client has answered.
  var roundTrips: [GlobalRequestID: (ConnectionHandler) -> Void] = [:]
  /// Something of a visitor's left a moment ago.
  var expectsAnswer = false

  var configuration: SSHServerConfiguration { @inline(__always) _read { yield settings.server } }

  /// Who is signed in.
  var publisher: Publisher? {
    switch phase {
    case .accepted(let publisher), .open(let publisher): publisher
    case .proving, .deciding, .signingIn, .ending: nil
    }
  }

  private(set) var context: ChannelHandlerContext?
  private var touched: [ChannelStream] = []
  private var readHolds: ReadHold = []
  /// Handed to the channel; the kernel may not have taken them yet.
  private(set) var bytesWritten: UInt64 = 0
  private var isInReadCycle = false
  private var isFlushing = false
  private var isFlushScheduled = false
  private var machineTimer: (deadline: UInt64, task: Scheduled<Void>)?

  init(
    handle: ConnectionHandle, server: ServerState, settings: ServerSettings, source: ConnectionSource,
    ticket: GateTicket
  ) {
    self.handle = handle
    self.server = server
    self.settings = settings
    self.source = source
    self.ticket = ticket
    eventLoop = handle.eventLoop
    connection = SSHConnection(settings.machine)
    connection.reference = handle.id
    places = ChannelPlaces(most: settings.server.maxChannels)
    logger = server.logger
    logger[metadataKey: "connection"] = "\(handle.id)"
  }

  // MARK: NIO

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    handle.attach(self)
    if context.channel.isActive { begin(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    cleanUp(.connectionLost, .connectionLost)
    handle.attach(nil)
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    logger[metadataKey: "source-addr"] = "\(source.address):\(source.port)"
    if let proxy = source.proxy { logger[metadataKey: "proxy-addr"] = "\(proxy)" }
    logger.debug("ssh connection accepted")
    connection.noteSource(source.address)
    connection.start()
    flushOutput()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isInReadCycle = true
    if case .ending = phase { return }
    do throws(SSHError) {
      try connection.receive(unwrapInboundIn(data))
      try deliver()
    } catch {
      fail(error)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    let concerned = touched
    touched.removeAll(keepingCapacity: true)
    for stream in concerned { stream.didCompleteRead() }
    isInReadCycle = false
    if ticket.isYoung { tellOfKeyExchange() }
    flushOutput()
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      timers.cancel(.unwritable)
      hold(.outbound, false)
      flushOutput()
    } else {
      armUnwritable()
    }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    logger.debug("ssh connection closed")
    cleanUp(.connectionLost, .connectionLost)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("ssh connection failed", metadata: ["error": "\(String(describing: error).printable())"])
    context.close(promise: nil)
  }

  // MARK: Machine

  /// Hands out what the machine has to say.
  func deliver() throws(SSHError) {
    while let event = try connection.nextEvent() {
      if case .ending = phase { return }
      handle(event)
    }
  }

  /// After anything that did not start in a read: events first, then bytes.
  func settle() {
    if case .ending = phase { return }
    do throws(SSHError) { try deliver() } catch { fail(error) }
    flushOutput()
  }

  private func handle(_ event: SSHEvent) {
    switch event {
    case .keysEstablished(let summary):
      clientVersion = summary.peerIdentification.printable(limit: 120)
      if !summary.isStrict { logger[metadataKey: "strict-kex"] = "no" }
      logger.debug(
        "ssh keys established",
        metadata: [
          "client": "\(clientVersion)", "kex": "\(summary.algorithms.keyExchange.name)",
          "cipher": "\(summary.algorithms.cipherToClient.name)",
        ])
    case .rekeyed: logger.debug("ssh keys renewed")
    case .keyExchangeWork(let work): compute(work)
    case .hostKeyProofWork(let work): prove(work)
    case .signatureWork(let work): check(work)
    case .peerDisconnected(_, let text):
      logger.debug("ssh client said goodbye", metadata: ["text": "\(text.printable())"])
      cleanUp(.disconnected, .connectionLost)
      context?.close(promise: nil)
    case .login(let login): admit(login)
    case .loginAbandoned(let attempt): abandon(attempt)
    case .certificateRefused(let reason): logger.info("ssh certificate refused", metadata: ["reason": "\(reason)"])
    case .promptAnswered(let attempt, let answers): confirm(attempt, digits: answers.first ?? "")
    case .signInShown, .channelRequestAnswered: break
    case .authenticated: didAuthenticate()
    case .forwardRequested(let address, let reply): requestForward(address, reply)
    case .forwardCancelled(let address, let reply): cancelForward(address, reply)
    case .socketForwardRequested(let path, let reply): refuseSocketForward(path, reply)
    case .globalRequestAnswered(let id, _, _): didAnswer(id)
    case .channelOpenRequested(let id, let open): openRequested(id, open)
    case .channelOpened(let id): streamOpened(id)
    case .channelOpenFailed(let id, let reason, let text): streamOpenFailed(id, reason: reason, text: text)
    case .channelData(let id, let bytes): received(bytes, on: id)
    case .channelExtendedData(let id, _, let bytes): connection.consumed(bytes.readableBytes, from: id)
    case .channelEOF(let id):
      streams[id]?.didFinish()
      sessions[id]?.didFinish()
    case .channelRequest(let id, let request, let reply): requested(request, on: id, reply)
    case .channelWritable(let id): streams[id]?.didBecomeWritable()
    case .channelClosed(let id, let end): channelClosed(id, end)
    case .serviceAccepted, .authenticationFailed, .keyAccepted, .interactivePrompt, .banner:
      // Only a client is told these.
      break
    }
  }

  private func received(_ bytes: ByteBuffer, on id: ChannelID) {
    if let stream = streams[id], !stream.hasEnded {
      stream.didReceive(bytes)
      if !stream.isTouched {
        stream.isTouched = true
        touched.append(stream)
      }
    } else {
      connection.consumed(bytes.readableBytes, from: id)
      sessions[id]?.didReceive(bytes)
    }
  }

  // MARK: Bytes out

  func flushOutput() {
    guard let context, !isFlushing else { return }
    isFlushing = true
    var wrote = true
    while wrote {
      wrote = false
      connection.sealQueuedData(limit: Self.sealedAtOnce)
      while let bytes = connection.takeOutbound() {
        bytesWritten &+= UInt64(bytes.readableBytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
        wrote = true
      }
      if wrote { context.flush() }
      if !context.channel.isWritable || !connection.hasSealableData { break }
    }
    isFlushing = false
    // Sealing makes room: whoever waits for it (`channelWritable`) must not wait for the client's next packet.
    do throws(SSHError) { try deliver() } catch { return fail(error) }
    if !context.channel.isWritable, let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes),
      waiting > Self.outboundLimit
    {
      hold(.outbound, true)
    }
    rearmMachineTimer()
  }

  func hold(_ reason: ReadHold, _ holds: Bool) {
    let before = readHolds
    if holds { readHolds.insert(reason) } else { readHolds.remove(reason) }
    guard before.isEmpty != readHolds.isEmpty, let context else { return }
    try? context.channel.syncOptions?.setOption(.autoRead, value: readHolds.isEmpty)
    if readHolds.isEmpty { context.read() }
  }

  private func rearmMachineTimer() {
    if case .ending = phase { return }
    guard let deadline = connection.deadline else { return }
    // A timer that fires early arms itself anew; only a nearer deadline needs another one.
    if let machineTimer, machineTimer.deadline <= deadline { return }
    machineTimer?.task.cancel()
    let handle = handle
    let task = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(deadline)) {
      handle.perform { $0.machineTimerFired() }
    }
    machineTimer = (deadline, task)
  }

  private func machineTimerFired() {
    machineTimer = nil
    if case .ending = phase { return }
    do throws(SSHError) {
      try connection.timePassed()
      try deliver()
    } catch {
      fail(error)
    }
    flushOutput()
  }

  func cancelMachineTimer() {
    machineTimer?.task.cancel()
    machineTimer = nil
  }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}

// MARK: - Channels' view

extension ConnectionHandler: ChannelHost {
  func isChannelWritable(_ id: ChannelID) -> Bool { connection.isWritable(id) }
  func write(_ bytes: ByteBuffer, to id: ChannelID) {
    connection.write(bytes, to: id)
    if !expectsAnswer { expectAnswer(on: id) }
  }
  func finishWriting(_ id: ChannelID) { connection.finishWriting(id) }
  func consumed(_ count: Int, from id: ChannelID) {
    connection.consumed(count, from: id)
    if connection.hasOutbound { setNeedsFlush() }
  }
  func noteLasting(_ id: ChannelID) { if streams[id] != nil { lasting.insert(id) } }
  var windowMemory: WindowMemory { server.windowMemory }
  func closeChannel(_ id: ChannelID, _ how: ChannelClosing) { connection.closeChannel(id, how) }

  func setNeedsFlush() {
    guard !isInReadCycle, !isFlushScheduled else { return }
    isFlushScheduled = true
    let handle = handle
    eventLoop.execute {
      handle.perform {
        $0.isFlushScheduled = false
        $0.settle()
      }
    }
  }
}
