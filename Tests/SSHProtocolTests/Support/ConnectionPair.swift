import NIOCore

@testable import SSHProtocol

/// Our client and our server, back to back, with time and splitting under control.
final class ConnectionPair {
  let time = ManualClock()
  var client: SSHConnection
  var server: SSHConnection
  var clientEvents: [SSHEvent] = []
  var serverEvents: [SSHEvent] = []
  var clientError: SSHError?
  var serverError: SSHError?
  /// How the next bytes are cut; nil leaves them whole.
  var chunk: (() -> Int)?
  /// Signs in and accepts everything as it comes.
  var automatic = true
  var userKey = Fixtures.otherED25519
  var username = "alice"
  /// Consumed as it arrives.
  var consumes = true
  var serverReceived: [UInt8] = []
  var clientReceived: [UInt8] = []
  var keepsData = true
  var serverCount = 0
  var clientCount = 0

  init(
    server configureServer: (inout SSHConfiguration) -> Void = { _ in },
    client configureClient: (inout SSHConfiguration) -> Void = { _ in }
  ) {
    var serverConfiguration = SSHConfiguration(role: .server)
    serverConfiguration.hostKeys = [Fixtures.ed25519]
    serverConfiguration.clock = time.clock
    configureServer(&serverConfiguration)
    var clientConfiguration = SSHConfiguration(role: .client)
    clientConfiguration.softwareVersion = "TestClient_1.0"
    clientConfiguration.clock = time.clock
    configureClient(&clientConfiguration)
    server = SSHConnection(serverConfiguration)
    client = SSHConnection(clientConfiguration)
  }

  @discardableResult
  func start() -> Self {
    server.start()
    client.start()
    run()
    return self
  }

  /// Moves bytes until nothing moves.
  func run() {
    var moved = true
    while moved {
      moved = false
      for bytes in takeClient() { moved = true; feedServer(bytes) }
      for bytes in takeServer() { moved = true; feedClient(bytes) }
    }
  }

  func takeClient() -> [ByteBuffer] {
    client.sealQueuedData(limit: 128 * 1024)
    var taken: [ByteBuffer] = []
    while let bytes = client.takeOutbound() { taken.append(bytes) }
    return taken
  }

  func takeServer() -> [ByteBuffer] {
    server.sealQueuedData(limit: 128 * 1024)
    var taken: [ByteBuffer] = []
    while let bytes = server.takeOutbound() { taken.append(bytes) }
    return taken
  }

  func feedServer(_ bytes: ByteBuffer) {
    var rest = bytes
    while rest.readableBytes > 0 {
      guard serverError == nil else { return }
      let piece = cut(&rest)
      onServer { () throws(SSHError) in
        try server.receive(piece)
        while let event = try server.nextEvent() { handleServer(event) }
      }
    }
  }

  func feedClient(_ bytes: ByteBuffer) {
    var rest = bytes
    while rest.readableBytes > 0 {
      guard clientError == nil else { return }
      let piece = cut(&rest)
      onClient { () throws(SSHError) in
        try client.receive(piece)
        while let event = try client.nextEvent() { handleClient(event) }
      }
    }
  }

  /// What the next bytes are; a piece has storage of its own.
  private func cut(_ rest: inout ByteBuffer) -> ByteBuffer {
    let piece = rest.readSlice(length: min(rest.readableBytes, max(1, chunk?() ?? Int.max))) ?? ByteBuffer()
    return chunk == nil ? piece : ByteBuffer(bytes: piece.bytes)
  }

  private func onServer(_ body: () throws(SSHError) -> Void) {
    do {
      try body()
    } catch {
      serverError = error
      server.disconnect(error)
    }
  }

  private func onClient(_ body: () throws(SSHError) -> Void) {
    do {
      try body()
    } catch {
      clientError = error
      client.disconnect(error)
    }
  }

  /// What came up by itself (time, answers) since the last bytes.
  func drainServer() {
    onServer { () throws(SSHError) in while let event = try server.nextEvent() { handleServer(event) } }
  }

  func advance(by count: UInt64) {
    time.advance(by: count)
    onServer { () throws(SSHError) in try server.timePassed() }
    onClient { () throws(SSHError) in try client.timePassed() }
    drainServer()
    run()
  }

  /// Time passes for the server alone: the client is deaf.
  func advanceServer(by count: UInt64) {
    time.advance(by: count)
    onServer { () throws(SSHError) in try server.timePassed() }
    drainServer()
  }

  private func handleServer(_ event: SSHEvent) {
    switch event {
    case .login(let login) where automatic:
      _ = server.acceptLogin(login.attempt)
    case .channelOpenRequested(let id, _) where automatic:
      server.acceptChannel(id)
    case .forwardRequested(_, let reply) where automatic:
      if let reply { server.answer(reply, success: true) }
    case .socketForwardRequested(_, let reply) where automatic:
      if let reply { server.answer(reply, success: false) }
    case .channelRequest(_, _, let reply) where automatic:
      if let reply { server.answer(reply, success: true) }
    case .channelData(let id, let bytes):
      serverCount += bytes.readableBytes
      if keepsData { serverReceived += bytes.bytes }
      if consumes { server.consumed(bytes.readableBytes, from: id) }
    default:
      break
    }
    if case .channelData = event, !keepsData { return }
    serverEvents.append(event)
  }

  private func handleClient(_ event: SSHEvent) {
    switch event {
    case .keysEstablished where automatic:
      client.requestService()
    case .serviceAccepted where automatic:
      client.authenticate(username: username, method: .publicKey(userKey))
    case .channelOpenRequested(let id, _) where automatic:
      client.acceptChannel(id)
    case .channelData(let id, let bytes):
      clientCount += bytes.readableBytes
      if keepsData { clientReceived += bytes.bytes }
      if consumes { client.consumed(bytes.readableBytes, from: id) }
    default:
      break
    }
    if case .channelData = event, !keepsData { return }
    clientEvents.append(event)
  }

  var isSignedIn: Bool { client.phase == .connection && server.phase == .connection }

  /// Lets due answers of the server leave.
  func passServerTime() {
    guard serverError == nil else { return }
    onServer { () throws(SSHError) in try server.timePassed() }
    drainServer()
  }

  /// What the server says to the time.
  var serverFailureByTime: SSHError? {
    do {
      try server.timePassed()
      return nil
    } catch {
      return error
    }
  }

  /// Puts a payload of any kind into the client's stream, past every rule of the client.
  func inject(_ payload: [UInt8]) {
    do {
      try client.transport.writer.write(payloadEstimate: payload.count) { $0.writeBytes(payload) }
    } catch {
      clientError = error
    }
  }
}
