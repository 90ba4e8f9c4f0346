import DequeModule
import EdgeCrypto
import NIOCore

/// RFC 4254: global requests and channels. Messages in, events out; what it sends goes straight into the transport.
struct ConnectionMachine: ~Copyable {
  private let shared: SharedSSHConfiguration
  var configuration: SSHConfiguration { @inline(__always) _read { yield shared.value } }
  var channels = ChannelTable()
  var events = Deque<SSHEvent>()
  /// Channels with something to send, in turn.
  var round = Deque<Channel>()
  var globalReplies = ReplyQueue()
  var sentRequests = Deque<(id: GlobalRequestID, wanted: Bool, sentAt: UInt64)>()
  var nextRequest: UInt32 = 0
  var unaskedReplies = 0
  var refusesSessions = false
  /// What the certificate of whoever signed in takes from them.
  var terms: CertificateTerms?
  var hostKeyProofs = 0
  var openedByPeer = 0
  var openedByUs = 0
  var sessions = 0
  /// Channels whose CLOSE the peer did not answer in time.
  var tombstones = 0
  /// When the next of them is due.
  var deadline: UInt64?
  /// What the windows of all channels come to.
  var windows: WindowShare
  /// What waits to leave, over all channels (`Channel.queuedCost`).
  var queuedCost = 0
  /// Above the soft limit of that: no channel is writable that has more than a little.
  var isBackedUp = false
  /// Of a call that cannot throw; thrown at the next that can.
  var failure: SSHError?
  var opens: RateBudget
  var globalRequests: RateBudget
  var forwardRequests: RateBudget
  var emptyMessages: RateBudget
  var roundTrip = RoundTrip()

  init(_ shared: SharedSSHConfiguration, now: UInt64) {
    self.shared = shared
    let limits = shared.value.limits
    windows = WindowShare(limit: shared.value.channels.windowLimit, memory: shared.value.channels.windowMemory)
    opens = RateBudget(rate: limits.openRate, burst: limits.openBurst, now: now)
    globalRequests = RateBudget(rate: limits.globalRequestRate, burst: limits.globalRequestBurst, now: now)
    forwardRequests = RateBudget(rate: limits.forwardRequestRate, burst: limits.forwardRequestBurst, now: now)
    emptyMessages = RateBudget(rate: limits.emptyMessages, burst: limits.emptyMessages, now: now)
  }

  mutating func receive(
    _ payload: ByteBuffer, number: UInt8, sessionID: [UInt8], transport: inout TransportMachine
  ) throws(SSHError) {
    if let failure { throw failure }
    switch number {
    case MessageNumber.channelData:
      try data(payload)
    case MessageNumber.channelWindowAdjust:
      try windowAdjust(payload)
    case MessageNumber.channelExtendedData:
      try extendedData(payload)
    case MessageNumber.channelEOF:
      try endOfFile(payload)
    case MessageNumber.channelClose:
      try close(payload, &transport)
    case MessageNumber.channelOpen:
      try open(payload, &transport)
    case MessageNumber.channelOpenConfirmation:
      try openConfirmed(payload, &transport)
    case MessageNumber.channelOpenFailure:
      try openFailed(payload)
    case MessageNumber.channelRequest:
      try request(payload, &transport)
    case MessageNumber.channelSuccess, MessageNumber.channelFailure:
      try requestAnswered(payload, success: number == MessageNumber.channelSuccess)
    case MessageNumber.globalRequest:
      try globalRequest(payload, sessionID: sessionID, &transport)
    case MessageNumber.requestSuccess, MessageNumber.requestFailure:
      try globalReply(payload, success: number == MessageNumber.requestSuccess)
    default:
      throw .outOfPhase(expected: "a connection message", got: number)
    }
  }

  // MARK: data, the hot path

  private mutating func data(_ payload: ByteBuffer) throws(SSHError) {
    let start = payload.readerIndex
    guard let number = payload.getInteger(at: start + 1, as: UInt32.self),
      let length = payload.getInteger(at: start + 5, as: UInt32.self),
      Int(length) == payload.readableBytes - 9,
      let bytes = payload.getSlice(at: start + 9, length: Int(length))
    else {
      throw .malformed(
        "CHANNEL_DATA", expected: "a channel and a string that fills the message", got: "\(payload.readableBytes) bytes"
      )
    }
    guard let channel = try accepting(number, count: bytes.readableBytes) else { return }
    events.append(.channelData(channel.id, bytes))
  }

  private mutating func extendedData(_ payload: ByteBuffer) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_EXTENDED_DATA")
    let number = try reader.uint32("channel")
    let code = try reader.uint32("type")
    let bytes = try reader.slice("data", limit: configuration.limits.packet)
    try reader.end()
    guard let channel = try accepting(number, count: bytes.readableBytes) else { return }
    events.append(.channelExtendedData(channel.id, code: code, bytes))
  }

  /// The channel that takes these bytes, after they were counted; nil when they are to be dropped.
  private mutating func accepting(_ number: UInt32, count: Int) throws(SSHError) -> Channel? {
    let channel = try existing(number, "data")
    guard !channel.receivedEOF else {
      throw .channel("Data after end of file.", expected: "CLOSE or requests on \(channel.id)", got: "\(count) bytes")
    }
    guard count <= Int(configuration.channels.maximumPacket), channel.window.receive(count) else {
      throw .channel(
        "Channel window exceeded.",
        expected:
          "at most \(min(configuration.channels.maximumPacket, channel.window.remaining)) bytes on \(channel.id)",
        got: "\(count)")
    }
    if count == 0 { try spendEmptyMessage() }
    // After our CLOSE what still comes is counted and dropped.
    return channel.sentClose || count == 0 ? nil : channel
  }

  mutating func spendEmptyMessage() throws(SSHError) {
    guard emptyMessages.spend(now: configuration.clock()) else {
      throw .limit("empty channel messages", bound: Int(configuration.limits.emptyMessages))
    }
  }

  private mutating func windowAdjust(_ payload: ByteBuffer) throws(SSHError) {
    var reader = MessageReader(message: payload, "CHANNEL_WINDOW_ADJUST")
    let number = try reader.uint32("channel")
    let count = try reader.uint32("bytes")
    try reader.end()
    let channel = try existing(number, "a window adjust")
    if count == 0 { try spendEmptyMessage() }
    guard channel.extendSendWindow(by: count) else {
      throw .channel(
        "Channel window overflow.", expected: "a window below 2^32 on \(channel.id)",
        got: "\(channel.sendWindow) and \(count) more")
    }
    schedule(channel)
  }

  /// The channel a message of an open channel is for.
  func existing(_ number: UInt32, _ what: String) throws(SSHError) -> Channel {
    guard let channel = channels[number], channel.isOpen, !channel.receivedClose else {
      throw .channel(
        "Message for a channel that is not open.", expected: "an open channel", got: "\(what) for \(number)")
    }
    return channel
  }

  /// A message that may cross the end of its channel: nil when that is over.
  mutating func existingOrOver(_ number: UInt32, _ what: String) throws(SSHError) -> Channel? {
    if channels[number] == nil, channels.hasKnown(number) {
      try spendEmptyMessage()
      return nil
    }
    return try existing(number, what)
  }

  /// Puts a channel into the round if it has something that could leave.
  mutating func schedule(_ channel: Channel) {
    guard !channel.isScheduled, channel.canSend else { return }
    channel.isScheduled = true
    channel.turn = Channel.largestPiece
    round.append(channel)
  }
}
