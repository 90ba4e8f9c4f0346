import DequeModule
import EdgeCrypto
import NIOCore

/// The SSH transport (RFC 4253) without a socket: bytes in, payloads out, and the reverse. Rekeying is invisible above.
///
///     start ─▶ identification ─▶ KEXINIT ─▶ exchange ─▶ NEWKEYS ─▶ keys in force ─┐
///                                  ▲                                                 │ rekey: by the peer, bytes,
///                                  └─────────────────────────────────────────────────┘ packets or time
///
/// Messages of the layers above come out of `nextEvent`; whether they are legal now is for those layers to say.
package struct TransportMachine: ~Copyable {
  private let shared: SharedSSHConfiguration
  var configuration: SSHConfiguration { @inline(__always) _read { yield shared.value } }
  var reader: PacketReader
  var writer = PacketWriter()
  var identificationReader: IdentificationReader
  let ownIdentification: Identification
  var peerIdentification: Identification?
  var exchange = KeyExchangeState.idle
  var established: Established?
  /// What becomes `established` with the peer's first NEWKEYS.
  var establishing: Established?
  /// Composed once, with the first KEXINIT; every rekey reuses them (security rule 38).
  var ownOffer: KeyExchangeInitMessage?
  /// Both sides showed the strict marker in their first KEXINIT; for life (ssh.md 1.8).
  var isStrict = false
  /// The peer said in its first KEXINIT that it reads EXT_INFO.
  var peerReadsExtensions = false
  var extensionMessages = 0
  /// Payloads that wait for our NEWKEYS.
  var held = Deque<ByteBuffer>()
  var heldBytes = 0
  var events = Deque<TransportEvent>()
  private var hasManyEvents = false
  /// PONGs among them.
  var heldPongs = 0
  var smallMessages: RateBudget
  /// Exchanges that the peer asks for without having sent data since the last (ssh.md 1.10).
  var idleExchanges: RateBudget
  var carriedData = false
  /// How much may pass under the keys in force before we rekey.
  var outboundBytesPerKey = UInt64.max
  var inboundBytesPerKey = UInt64.max
  /// A failure of ours in a call that cannot throw; thrown at the next that can.
  var failure: SSHError?
  package var hasEnded = false
  /// After sign-in packets may be larger, and rekeys and pings are legal.
  package var isAuthenticated = false {
    didSet { if isAuthenticated { reader.maximumLength = configuration.limits.packet } }
  }
  package private(set) var lastReceived: UInt64
  /// From our NEWKEYS to the peer's: a round trip and the client's computing.
  var roundTripSample: UInt64?
  var newKeysSent: UInt64 = 0
  package var deadline: UInt64?
  var identificationDeadline: UInt64?
  var offerDeadline: UInt64?
  var exchangeDeadline: UInt64?
  var intervalDeadline: UInt64?

  /// What the first exchange settled for the life of the connection.
  struct Established {
    var sessionID: [UInt8]
    var hostKey: SSHPublicKey
    /// K_S as sent: the key's blob, or its certificate's.
    var hostKeyBlob: [UInt8]
    var algorithms: NegotiatedAlgorithms
  }

  package init(_ shared: SharedSSHConfiguration) {
    let configuration = shared.value
    let now = configuration.clock()
    self.shared = shared
    reader = PacketReader(maximumLength: configuration.limits.packetBeforeAuthentication)
    identificationReader = IdentificationReader(role: configuration.role, limits: configuration.limits)
    ownIdentification = Identification(line: "SSH-2.0-" + configuration.softwareVersion)
    smallMessages = RateBudget(
      rate: configuration.limits.smallMessageRate, burst: configuration.limits.smallMessageBurst, now: now)
    idleExchanges = RateBudget(
      rate: configuration.limits.exchangesWithoutData / 60, burst: configuration.limits.exchangesWithoutData, now: now)
    lastReceived = now
  }

  var isServer: Bool { configuration.role == .server }
  var sessionID: [UInt8] { established?.sessionID ?? [] }
  /// Server: the reply of the first exchange is out.
  var hasAnsweredKeyExchange: Bool {
    if case .awaitingNewKeys = exchange { return true }
    return established != nil
  }

  /// Sends our identification; a client's KEXINIT follows at once.
  package mutating func start() {
    writer.writeLine(Array((ownIdentification.line + "\r\n").utf8))
    let now = configuration.clock()
    identificationDeadline = now + configuration.authentication.identificationTime
    exchangeDeadline = now + configuration.rekey.timeLimit
    if !isServer { perform { (machine: inout Self) throws(SSHError) in try machine.sendOffer() } }
    updateDeadline()
  }

  /// Takes over what was read from the socket. Packets are opened in place, all of them before any is sliced.
  package mutating func receive(_ bytes: ByteBuffer) throws(SSHError) {
    guard !hasEnded, bytes.readableBytes > 0 else { return }
    lastReceived = configuration.clock()
    var read = bytes
    if peerIdentification == nil {
      guard let line = try identificationReader.read(&read) else { return }
      peerIdentification = line
      identificationDeadline = nil
      if isServer { offerDeadline = lastReceived + configuration.keyExchangeInitWait }
    }
    var opened: [PacketReader.Packet] = []
    defer { updateDeadline() }
    while !hasEnded, let packet = try reader.next(&read) {
      if MessageNumber.belongsToTransport(packet.number) {
        let payload = packet.payload(in: read, copied: true)
        // Events of the transport keep their place among the messages.
        let before = events.count
        try transportMessage(payload, packet)
        if events.count > before, !opened.isEmpty {
          let added = events.suffix(events.count - before)
          events.removeLast(events.count - before)
          deliver(&opened, in: read)
          events.append(contentsOf: added)
        }
      } else {
        try checkMayCarryMessages(packet.number)
        if droppedAsWrongGuess() { continue }
        if packet.number >= MessageNumber.globalRequest { carriedData = true }
        opened.append(packet)
      }
    }
    deliver(&opened, in: read)
    startRekeyIfDue()
    if let failure { throw failure }
  }

  private mutating func deliver(_ opened: inout [PacketReader.Packet], in read: ByteBuffer) {
    for packet in opened {
      events.append(
        .message(packet.payload(in: read, copied: false), number: packet.number, sequence: packet.sequence))
    }
    opened.removeAll(keepingCapacity: true)
    if events.count > Self.keptEvents { hasManyEvents = true }
  }

  /// Room for more than so many events is given back once they are handed out: a read of tiny packets makes thousands.
  private static let keptEvents = 64

  package mutating func nextEvent() throws(SSHError) -> TransportEvent? {
    if let failure { throw failure }
    if let event = events.popFirst() { return event }
    if hasManyEvents {
      events = Deque()
      hasManyEvents = false
    }
    return nil
  }

  /// Messages above the transport: only with keys, and not between the peer's KEXINIT and its NEWKEYS (RFC 4253 §7.1).
  private func checkMayCarryMessages(_ number: UInt8) throws(SSHError) {
    switch exchange {
    case .idle, .proposed:
      guard established != nil else { throw .outOfPhase(expected: exchange.expectation, got: number) }
    case .exchanging(let current):
      guard current.dropsNextPacket else { throw .outOfPhase(expected: exchange.expectation, got: number) }
    case .computing, .awaitingNewKeys:
      throw .outOfPhase(expected: exchange.expectation, got: number)
    }
  }

  /// RFC 4253 §7: the packet that followed a wrong guess is dropped, whatever it is, once.
  mutating func droppedAsWrongGuess() -> Bool {
    guard case .exchanging(var current) = exchange, current.dropsNextPacket else { return false }
    current.dropsNextPacket = false
    exchange = .exchanging(current)
    return true
  }

  private mutating func transportMessage(_ payload: ByteBuffer, _ packet: PacketReader.Packet) throws(SSHError) {
    // What has a meaning in every state is no guess; neither is a second KEXINIT.
    if packet.number > MessageNumber.debug, packet.number != MessageNumber.keyExchangeInit, droppedAsWrongGuess() {
      return
    }
    switch packet.number {
    case MessageNumber.disconnect:
      let message = try DisconnectMessage(payload: payload)
      hasEnded = true
      events.append(.peerDisconnected(reason: message.reason, text: message.text))
    case MessageNumber.ignore, MessageNumber.unimplemented, MessageNumber.debug:
      // Terrapin: nothing but the exchange before the first NEWKEYS of a strict one (ssh.md 1.8).
      if isStrict, established == nil { throw .outOfPhase(expected: exchange.expectation, got: packet.number) }
      try spendSmallMessage()
    case MessageNumber.extensionInfo:
      try extensionInfo(payload)
    case MessageNumber.keyExchangeInit:
      try peerOffered(payload, packet)
    case MessageNumber.newKeys:
      try peerChangedKeys(payload)
    case MessageNumber.ping:
      try checkMayPing(packet.number)
      try ping(payload)
    case MessageNumber.pong:
      try checkMayPing(packet.number)
      try spendSmallMessage()
    default:
      // 30 to 49.
      try exchangeMessage(payload, packet.number)
    }
  }

  /// After sign-in, and like every message above 49 not between the peer's KEXINIT and its NEWKEYS.
  private func checkMayPing(_ number: UInt8) throws(SSHError) {
    guard isAuthenticated else { throw .outOfPhase(expected: exchange.expectation, got: number) }
    try checkMayCarryMessages(number)
  }

  private mutating func spendSmallMessage() throws(SSHError) {
    guard smallMessages.spend(now: lastReceived) else {
      throw .limit("small messages", bound: Int(configuration.limits.smallMessageBurst))
    }
  }

  private mutating func ping(_ payload: ByteBuffer) throws(SSHError) {
    try spendSmallMessage()
    var message = MessageReader(message: payload, "PING")
    let data = try message.slice("data", limit: configuration.limits.pingBytes)
    try message.end()
    if !mayCarryMessages {
      // OpenSSH CVE-2025-26466: answers that wait for an exchange to end are few.
      heldPongs += 1
      guard heldPongs <= configuration.limits.heldPongs else { return }
    }
    send(estimate: data.readableBytes + 8) { buffer in
      buffer.writeInteger(MessageNumber.pong)
      buffer.writeSSHString(data)
    }
  }

  /// RFC 8308 §2.4: right after the peer's first NEWKEYS; a server may send a second one before its SUCCESS.
  private mutating func extensionInfo(_ payload: ByteBuffer) throws(SSHError) {
    let isFirst = extensionMessages == 0 && reader.packetsUnderKey == 1
    let isSecond = !isServer && extensionMessages <= 1
    guard case .idle = exchange, established != nil, !isAuthenticated, isFirst || isSecond else {
      throw .outOfPhase(expected: exchange.expectation, got: MessageNumber.extensionInfo)
    }
    extensionMessages += 1
    let message = try ExtensionInfoMessage(payload: payload, limits: configuration.limits)
    let algorithms = message["server-sig-algs"].map {
      String(decoding: $0, as: UTF8.self).split(separator: ",").map(String.init)
    }
    events.append(.extensions(names: message.extensions.map(\.name), signatureAlgorithms: algorithms))
  }

  /// Runs what may fail by our own fault in a call that does not throw.
  mutating func perform(_ body: (inout Self) throws(SSHError) -> Void) {
    do {
      try body(&self)
    } catch {
      if failure == nil { failure = error }
    }
  }
}

extension PacketReader.Packet {
  /// The payload, number included. A copy does not keep the read buffer from being changed in place.
  func payload(in read: ByteBuffer, copied: Bool) -> ByteBuffer {
    switch place {
    case .own(let buffer):
      return buffer
    case .read(let start, let count):
      // The reader index is past the packet already, and slices come only from behind it.
      var whole = read
      whole.moveReaderIndex(to: start)
      guard let slice = whole.readSlice(length: count) else { return ByteBuffer() }
      return copied ? ByteBuffer(bytes: slice.readableBytesView) : slice
    }
  }
}
