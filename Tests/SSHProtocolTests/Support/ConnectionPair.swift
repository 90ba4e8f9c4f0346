import EdgeCrypto
import NIOCore
import Synchronization

@testable import SSHProtocol

/// A clock that stands still until told otherwise.
final class ManualClock: Sendable {
  private let time = Mutex<UInt64>(1_000_000_000)

  var now: UInt64 { time.withLock { $0 } }
  func advance(by count: UInt64) { time.withLock { $0 += count } }
  var clock: MonotonicClock { { self.now } }
}

enum Fixtures {
  static let ed25519 = key(.ed25519)
  static let otherED25519 = key(.ed25519)
  static let p256 = key(.ecdsa(.p256))
  static let p384 = key(.ecdsa(.p384))
  static let p521 = key(.ecdsa(.p521))
  static let rsa = key(.rsa(bits: 2048))

  private static func key(_ kind: PrivateKey.Kind) -> PrivateKey {
    do {
      return try PrivateKey.generate(kind)
    } catch {
      fatalError("no test key: \(error)")
    }
  }
}

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
      let piece = rest.readSlice(length: min(rest.readableBytes, max(1, chunk?() ?? Int.max)))
      do {
        try server.receive(chunk == nil ? piece ?? ByteBuffer() : ByteBuffer(bytes: piece?.bytes ?? []))
        while let event = try server.nextEvent() { handleServer(event) }
      } catch {
        serverError = error
        server.disconnect(error)
      }
    }
  }

  func feedClient(_ bytes: ByteBuffer) {
    var rest = bytes
    while rest.readableBytes > 0 {
      guard clientError == nil else { return }
      let piece = rest.readSlice(length: min(rest.readableBytes, max(1, chunk?() ?? Int.max)))
      do {
        try client.receive(chunk == nil ? piece ?? ByteBuffer() : ByteBuffer(bytes: piece?.bytes ?? []))
        while let event = try client.nextEvent() { handleClient(event) }
      } catch {
        clientError = error
        client.disconnect(error)
      }
    }
  }

  /// What came up by itself (time, answers) since the last bytes.
  func drainServer() {
    do {
      while let event = try server.nextEvent() { handleServer(event) }
    } catch {
      serverError = error
      server.disconnect(error)
    }
  }

  func advance(by count: UInt64) {
    time.advance(by: count)
    do {
      try server.timePassed()
    } catch {
      serverError = error
      server.disconnect(error)
    }
    do {
      try client.timePassed()
    } catch {
      clientError = error
      client.disconnect(error)
    }
    drainServer()
    run()
  }

  /// Time passes for the server alone: the client is deaf.
  func advanceServer(by count: UInt64) {
    time.advance(by: count)
    do {
      try server.timePassed()
    } catch {
      serverError = error
      server.disconnect(error)
    }
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

  // The expectation macros cannot take a noncopyable connection apart.

  func acceptLogin(_ attempt: LoginAttempt, banner: [String] = []) -> Bool {
    server.acceptLogin(attempt, banner: banner)
  }
  func requireSignIn(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    server.requireSignIn(attempt, prompt: prompt)
  }
  func ask(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool { server.ask(attempt, prompt: prompt) }
  func refuseLogin(_ attempt: LoginAttempt) -> Bool { server.refuseLogin(attempt) }
  func openByClient(_ open: ChannelOpen) -> ChannelID? { client.openChannel(open) }
  func openByServer(_ open: ChannelOpen) -> ChannelID? { server.openChannel(open) }
  var hasServerEnded: Bool { server.hasEnded }
  var serverChannels: Int { server.channelCount }
  var clientChannels: Int { client.channelCount }
  var serverSessions: Int { server.sessionCount }
  var serverRoundTrip: UInt64? { server.roundTrip }
  var announcedByServer: Int { server.announcedWindow }
  var announcedByClient: Int { client.announcedWindow }
  var serverDeadline: UInt64? { server.deadline }
  var peerAlgorithms: [String]? { client.peerSignatureAlgorithms }
  var clientMayCarryMessages: Bool { client.transport.mayCarryMessages }
  var clientHasSealableData: Bool { client.hasSealableData }
  var serverPackets: UInt64 { server.transport.writer.packetsUnderKey }
  var placesOfServer: Int { server.channelsOpenedByUs }
  func serverIsWritable(_ id: ChannelID) -> Bool { server.isWritable(id) }
  func clientIsWritable(_ id: ChannelID) -> Bool { client.isWritable(id) }
  func clientQueuedBytes(_ id: ChannelID) -> Int { client.queuedBytes(id) }

  /// Lets due answers of the server leave.
  func passServerTime() {
    guard serverError == nil else { return }
    do {
      try server.timePassed()
    } catch {
      serverError = error
      server.disconnect(error)
    }
    drainServer()
  }

  var serverHeldMessages: Int { server.transport.held.count }

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

extension SSHEvent {
  var name: String {
    let text = "\(self)"
    return String(text.prefix { $0 != "(" })
  }
}

/// Reproducible randomness for tests.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

func hex(_ text: String) -> [UInt8] { Hex.decode(text) ?? [] }
