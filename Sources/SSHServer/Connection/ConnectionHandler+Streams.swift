import Logging
import NIOCore
import PlainText
import Routing
import SSHProtocol

/// A visitor's stream that the client has not confirmed yet.
struct StreamOpening {
  let address: ForwardAddress
  let bound: Forward.Bound
  let request: StreamRequest
  /// When the client was asked, on the machine's clock.
  let since: UInt64
  /// When we were.
  let wantedSince: UInt64
  var timeout: Scheduled<Void>
  let completion: (Result<ChannelStream, StreamOpenFailure>) -> Void

  func fail(_ failure: StreamOpenFailure) {
    timeout.cancel()
    completion(.failure(failure))
  }
}

/// `forwarded-tcpip` channels towards the client.
extension ConnectionHandler {
  /// Opens a channel, or waits for a place where the client has no more.
  func openStream(
    _ address: ForwardAddress, _ routeID: RouteID, _ request: StreamRequest,
    completion: @escaping (Result<ChannelStream, StreamOpenFailure>) -> Void
  ) {
    let wanted = WantedStream(address: address, routeID: routeID, request: request, completion: completion)
    let now = SystemClock.monotonic()
    let hasRoom = places.hasRoom(
      isLasting: request.isLasting, taken: connection.channelsOpenedByUs, takenByLasting: lasting.count, now: now)
    if hasRoom { open(wanted, since: now) } else { waitForPlace(wanted, now: now) }
  }

  /// Asks the client, who has a place.
  func open(_ wanted: WantedStream, since: UInt64) {
    guard case .open = phase else { return wanted.completion(.failure(.gone)) }
    guard let bound = forwards.forward(wanted.address)?.bindings[wanted.routeID], bound.state.isAttached else {
      return wanted.completion(.failure(.notPermitted))
    }
    let originator = Originator(
      address: wanted.request.originatorAddress, port: wanted.request.originatorPort)
    // The client compares host and port with what it asked for, byte for byte (ssh.md section 3.4).
    let open = ChannelOpen.forwardedTCPIP(
      connectedHost: wanted.address.host, connectedPort: wanted.address.port, originatorHost: originator.address,
      originatorPort: originator.port)
    guard let id = connection.openChannel(open) else { return waitForPlaceAgain(wanted, since: since) }
    let handle = handle
    let timeout = eventLoop.scheduleTask(in: .milliseconds(configuration.slowOpenMilliseconds)) {
      handle.perform { $0.streamOpenIsSlow(id) }
    }
    if wanted.request.isLasting { lasting.insert(id) }
    openings[id] = StreamOpening(
      address: wanted.address, bound: bound, request: wanted.request, since: SystemClock.monotonic(),
      wantedSince: since, timeout: timeout, completion: wanted.completion)
    setNeedsFlush()
  }

  func streamOpened(_ id: ChannelID) {
    guard let opening = openings.removeValue(forKey: id) else { return }
    opening.timeout.cancel()
    let forward = forwards.forward(opening.address)
    guard let bound = forward?.bindings[opening.bound.routeID], bound.state.isAttached else {
      // The right ended while the client was connecting.
      connection.closeChannel(id, .now)
      return opening.completion(.failure(.notPermitted))
    }
    let stream = ChannelStream(id: id, bindingID: bound.id, counters: bound.counters, host: self)
    streams[id] = stream
    guard let forward, forward.speaksSOCKS else {
      noteService(nil, on: bound.id)
      return opening.completion(.success(stream))
    }
    askSOCKS(stream, forward, opening)
  }

  private func askSOCKS(_ stream: ChannelStream, _ forward: Forward, _ opening: StreamOpening) {
    let handshake = SOCKSHandshake(
      stream: stream, host: opening.request.destinationHost, port: opening.request.destinationPort,
      mayBeFixed: forward.destination == .unknown)
    handshake.run(
      afterRoundTrip: { [weak self] action in self?.afterRoundTrip { _ in action() } },
      completion: { [weak self] outcome in
        switch outcome {
        case .connected:
          self?.forwards.settle(opening.address, .asked)
          self?.noteService(nil, on: opening.bound.id)
          opening.completion(.success(stream))
        case .failed(let failure):
          self?.noteService(failure, on: opening.bound.id)
          opening.completion(.failure(failure))
        case .notSOCKS:
          // `-R 0:localhost:3000`: the client connects to one place whatever we ask. Begin anew without asking.
          guard let self else { return opening.completion(.failure(.gone)) }
          forwards.settle(opening.address, .fixed)
          logger.info("ssh forward has a fixed destination", metadata: ["name": "\(opening.bound.name)"])
          openStream(opening.address, opening.bound.routeID, opening.request, completion: opening.completion)
        }
      })
  }

  func streamOpenFailed(_ id: ChannelID, reason: UInt32, text: String) {
    lasting.remove(id)
    defer { admitWaiting() }
    guard let opening = openings.removeValue(forKey: id) else { return }
    let failure = StreamOpenFailure(
      reason: reason, text: text, openStreams: streams.count,
      hasServed: opening.bound.counters.totalStreams > 0)
    if failure == .outOfResources, connection.channelsOpenedByUs > 0 {
      // Nothing was asked of the service yet: the visitor waits for a place, whatever the method (security rule 26).
      opening.timeout.cancel()
      clientRanOut()
      return waitForPlaceAgain(
        WantedStream(
          address: opening.address, routeID: opening.bound.routeID, request: opening.request,
          completion: opening.completion), since: opening.wantedSince)
    }
    noteService(failure, on: opening.bound.id)
    opening.fail(failure)
    endIfDrained()
  }

  /// The client lets a visitor wait: its target is slow, or it has gone without a word. Until it is heard of again, others
  /// of the same person are preferred.
  private func streamOpenIsSlow(_ id: ChannelID) {
    guard openings[id] != nil else { return }
    doubtClient()
    waitOn(id, configuration.slowOpenMilliseconds) { $0.streamOpenIsVerySlow(id) }
    settle()
  }

  /// A visitor whose client says nothing at all is sent on to another tunnel, where there is one.
  private func streamOpenIsVerySlow(_ id: ChannelID) {
    guard let opening = openings[id] else { return }
    if connection.lastReceived < opening.since, server.registry.hasAlternative(to: opening.bound.id) {
      return streamOpenTimedOut(id)
    }
    waitOn(id, max(0, configuration.streamOpenTimeoutMilliseconds - 2 * configuration.slowOpenMilliseconds)) {
      $0.streamOpenTimedOut(id)
    }
  }

  private func waitOn(
    _ id: ChannelID, _ milliseconds: Int64, _ action: @escaping @Sendable (ConnectionHandler) -> Void
  ) {
    let handle = handle
    openings[id]?.timeout = eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { handle.perform(action) }
  }

  private func streamOpenTimedOut(_ id: ChannelID) {
    guard let opening = openings.removeValue(forKey: id) else { return }
    connection.closeChannel(id, .now)
    noteService(.timedOut, on: opening.bound.id)
    opening.fail(.timedOut)
    settle()
    endIfDrained()
  }

  func channelClosed(_ id: ChannelID, _ end: ChannelEnd) {
    lasting.remove(id)
    defer { admitWaiting() }
    if let stream = streams.removeValue(forKey: id) {
      stream.didEnd(StreamEnd(end))
      endIfDrained()
    }
    if let opening = openings.removeValue(forKey: id) { opening.fail(.gone) }
    if let session = sessions.removeValue(forKey: id) {
      endSession(session)
      if session.hasSignedOut { return reconsider() }
      armUnused()
      if !refusals.isEmpty { armRefusal() }
    }
  }
}

extension StreamOpenFailure {
  /// What a client means by the failure of an open.
  ///
  /// Clients that are out of descriptors say so in their own ways: reason 4, the system's words for it, or, OpenSSH, just
  /// "open failed" with reason 1, which it also says of a host that it cannot resolve. That one has served, though.
  init(reason: UInt32, text: String, openStreams: Int, hasServed: Bool) {
    let words = text.lowercased()
    let isShort =
      switch reason {
      case 4: true
      case 1 where openStreams >= 4 && hasServed && words == "open failed": true
      default: Self.shortageWords.contains { words.contains($0) }
      }
    self = isShort ? .outOfResources : .refused(text.printable(limit: 200))
  }

  private static let shortageWords = [
    "too many open files", "no file descriptors", "emfile", "enfile", "resource temporarily unavailable",
    "resource shortage", "no buffer space", "too many channels",
  ]
}

/// What the client is told of the visitor. Go's library refuses an open whose originator is no IP literal or whose port
/// is 0.
struct Originator {
  let address: String
  let port: UInt32

  init(address: String, port: Int) {
    let bare = address.prefix { $0 != "%" }
    let isLiteral = (try? SocketAddress(ipAddress: String(bare), port: 1)) != nil
    self.address = isLiteral ? String(bare) : "127.0.0.1"
    self.port = (1...65535).contains(port) ? UInt32(port) : 1
  }
}
