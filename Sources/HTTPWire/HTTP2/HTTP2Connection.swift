import DequeModule
import NIOCore

/// One HTTP/2 connection without its socket, either role (RFC 9113): bytes in, events out; commands in, bytes out.
///
///      receive ─▶ frames ─▶ events ─▶ owner ─▶ sendHead, sendBody, sendEnd, reset, consumed ─▶ takeOutbound
///
/// A mistake that concerns one stream resets it; any other throws, after which `takeOutbound` holds the GOAWAY and the
/// connection is to be closed.
package struct HTTP2Connection {
  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  package let role: HTTP2Role
  package let limits: HTTP2Limits
  private let reader = HTTP2FrameReader()
  private var inbound = ByteBuffer()
  private var prefaceLeft: Int
  private var hasSettings = false
  private(set) var failure: HTTP2Error?
  private var events = Deque<HTTP2Event>()

  var streams: [UInt32: HTTP2Stream] = [:]
  /// The highest stream the peer has begun.
  var lastPeerStream: UInt32 = 0
  /// The highest we have begun, as a client.
  var lastOwnStream: UInt32 = 0
  /// A visitor's, closed by us, so that what is on its way is no mistake.
  var remembered: Set<UInt32> = []
  var rememberedOrder = Deque<UInt32>()

  var peer = HTTP2PeerSettings()
  var sendWindow = 65_535
  var receiveWindow: HTTP2ReceiveWindow
  /// By how much the windows of all streams are larger than they began.
  var windowGrowth = 0
  var sectionReader: FieldSectionReader
  var section: PartialSection?
  var smallFrames: FrameBudget
  var resets: FrameBudget

  /// Whole frames, ready to go before any body.
  var control = ByteBuffer()
  var sectionWriter = FieldSectionWriter()
  /// The compression table of ours is empty, and the peer does not know it yet.
  var owesTableUpdate = true
  /// Streams with something to send.
  var order = SendOrder()
  /// Of streams that have not begun.
  var announcedPriorities: [UInt32: HTTP2Priority] = [:]
  /// The peer has named a priority.
  var saysPriorities = false
  /// Body bytes that wait to be sent, of all streams.
  var queued = 0
  /// And those that have left.
  var sentLength: UInt64 = 0
  var drain = DrainState.open
  /// GOAWAY has come: nothing new may begin.
  var peerIsLeaving = false
  /// Bytes that may still come of streams we gave up.
  var strayAllowance = 0
  /// Small frames that a service may send for what we did, before any counts as one too many.
  var smallFramesDue = 0
  let webSocketKey: @Sendable () -> String

  /// A field section whose CONTINUATIONs have not all come (RFC 9113 section 6.10).
  struct PartialSection {
    var stream: UInt32
    var bytes: ByteBuffer
    var endsStream: Bool
    var continuations = 0
  }

  enum DrainState {
    case open
    /// GOAWAY with the highest number, and a PING: what was on its way when it arrived counts still.
    case announced
    case final(lastStream: UInt32)
  }

  /// `webSocketKey` makes the key of RFC 6455 for a WebSocket that comes by RFC 8441: base64 of 16 random bytes.
  package init(role: HTTP2Role, limits: HTTP2Limits = HTTP2Limits(), webSocketKey: @escaping @Sendable () -> String) {
    self.role = role
    self.limits = limits
    self.webSocketKey = webSocketKey
    prefaceLeft = role == .server ? Self.preface.count : 0
    receiveWindow = HTTP2ReceiveWindow(size: limits.connectionWindow, largest: limits.largestConnectionWindow)
    sectionReader = FieldSectionReader(largestListBytes: limits.largestFieldListBytes)
    smallFrames = FrameBudget(rate: limits.smallFrameRate, burst: limits.smallFrameBurst)
    resets = FrameBudget(rate: limits.resetRate, burst: limits.resetBurst)
    begin()
  }

  /// Our preface: settings, and a wider window for the connection.
  private mutating func begin() {
    if role == .client { control.writeBytes(Self.preface) }
    var settings: [(id: HTTP2SettingID, value: UInt32)] = [
      (.initialWindowSize, UInt32(clamping: limits.streamWindow)),
      (.maxHeaderListSize, UInt32(clamping: limits.fieldListBytes)),
    ]
    switch role {
    case .server:
      settings.append((.maxConcurrentStreams, UInt32(clamping: limits.concurrentStreams)))
      settings.append((.enableConnectProtocol, 1))
      settings.append((.noRFC7540Priorities, 1))
    case .client: settings.append((.enablePush, 0))
    }
    HTTP2FrameWriter.writeSettings(settings, into: &control)
    if limits.connectionWindow > 65_535 {
      HTTP2FrameWriter.writeWindowUpdate(0, increment: limits.connectionWindow - 65_535, into: &control)
    }
  }

  // MARK: Bytes in

  /// Takes what has come. `now` is in nanoseconds of any clock that does not go back.
  package mutating func receive(_ bytes: ByteBuffer, at now: UInt64) throws(HTTP2Error) {
    if let failure { throw failure }
    var bytes = bytes
    do {
      guard try readPreface(from: &bytes) else { return }
      if inbound.readableBytes > 0 {
        reader.complete(&inbound, from: &bytes)
        guard let frame = try reader.next(from: &inbound) else { return }
        inbound = ByteBuffer()
        try take(frame, at: now)
      }
      while let frame = try reader.next(from: &bytes) { try take(frame, at: now) }
      // A copy: the storage may be held by bodies on their way, and writing to it would copy all of it, at each read.
      if bytes.readableBytes > 0 { inbound.writeImmutableBuffer(bytes) }
    } catch {
      fail(error)
      throw error
    }
  }

  /// RFC 9113 section 3.4. Whether it is complete.
  private mutating func readPreface(from bytes: inout ByteBuffer) throws(HTTP2Error) -> Bool {
    while prefaceLeft > 0 {
      guard let byte = bytes.readInteger(as: UInt8.self) else { return false }
      guard byte == Self.preface[Self.preface.count - prefaceLeft] else {
        throw HTTP2Error(.protocolError, "no HTTP/2 connection preface")
      }
      prefaceLeft -= 1
    }
    return true
  }

  /// The connection is over: the peer is told, and nothing more is read.
  mutating func fail(_ error: HTTP2Error) {
    guard failure == nil else { return }
    failure = error
    HTTP2FrameWriter.writeGoAway(lastStream: lastPeerStream, error.code, reason: error.reason, into: &control)
    inbound = ByteBuffer()
    section = nil
  }

  private mutating func take(_ frame: HTTP2Frame, at now: UInt64) throws(HTTP2Error) {
    if let section {
      guard case .continuation(section.stream, _, _) = frame else {
        throw HTTP2Error(.protocolError, "a frame inside a field section")
      }
    }
    if !hasSettings {
      guard case .settings = frame else { throw HTTP2Error(.protocolError, "the first frame is not SETTINGS") }
    }
    switch frame {
    case .data(let stream, let bytes, let counted, let endsStream):
      try takeData(stream, bytes, counted: counted, endsStream: endsStream, at: now)
    case .headers(let stream, let bytes, let endsStream, let endsHeaders):
      try takeHeaders(stream, bytes, endsStream: endsStream, endsHeaders: endsHeaders, at: now)
    case .continuation(_, let bytes, let endsHeaders):
      try takeContinuation(bytes, endsHeaders: endsHeaders, at: now)
    case .priority, .unknown:
      try spendSmallFrame(at: now)
    case .priorityUpdate(let stream, let field):
      try takePriorityUpdate(stream, field, at: now)
    case .reset(let stream, let code):
      try takeReset(stream, code, at: now)
    case .settings(let settings):
      try spendSmallFrame(at: now)
      try takeSettings(settings)
    case .settingsAcknowledged:
      try spendSmallFrame(at: now)
    case .pushPromise:
      throw HTTP2Error(.protocolError, "PUSH_PROMISE, which nobody may send us")
    case .ping(let data):
      try spendSmallFrame(at: now)
      HTTP2FrameWriter.writePing(data, isAnswer: true, into: &control)
    case .pingAnswered:
      try spendSmallFrame(at: now)
      if case .announced = drain { finishGoAway() }
    case .goAway(let lastStream, let code):
      try spendSmallFrame(at: now)
      takeGoAway(lastStream: lastStream, code)
    case .windowUpdate(let stream, let increment):
      try takeWindowUpdate(stream, increment: Int(increment), at: now)
    }
  }

  private mutating func takeSettings(_ settings: [(id: UInt16, value: UInt32)]) throws(HTTP2Error) {
    hasSettings = true
    let before = peer
    for (id, value) in settings { try peer.apply(id, value, role: role) }
    if peer.headerTableSize != before.headerTableSize { owesTableUpdate = true }
    let change = peer.initialWindowSize - before.initialWindowSize
    if change != 0 {
      for id in Array(streams.keys) { try widen(id, by: change) }
    }
    HTTP2FrameWriter.writeSettingsAcknowledgement(into: &control)
    add(.settings)
  }

  private mutating func widen(_ id: UInt32, by change: Int) throws(HTTP2Error) {
    guard var stream = streams[id] else { return }
    stream.sendWindow += change
    guard stream.sendWindow <= Int(HTTP2Frame.largestStreamID) else {
      throw HTTP2Error(.flowControlError, "a window beyond 2^31-1")
    }
    streams[id] = stream
    giveTurn(id)
  }

  mutating func spendSmallFrame(at now: UInt64) throws(HTTP2Error) {
    guard smallFrames.take(at: now) else { throw HTTP2Error(.enhanceYourCalm, "too many small frames") }
  }

  // MARK: Events

  mutating func add(_ event: HTTP2Event) { events.append(event) }

  package mutating func nextEvent() -> HTTP2Event? { events.popFirst() }
  package var hasEvents: Bool { !events.isEmpty }

  /// How many streams are under way.
  package var streamCount: Int { streams.count }

  // MARK: Streams that are over

  /// Never begun by anybody (RFC 9113 section 5.1).
  func isIdle(_ stream: UInt32) -> Bool {
    let isPeers = (stream & 1 == 1) == (role == .server)
    return isPeers ? stream > lastPeerStream : stream > lastOwnStream
  }

  mutating func remember(_ stream: UInt32) {
    guard role == .server, remembered.insert(stream).inserted else { return }
    rememberedOrder.append(stream)
    if rememberedOrder.count > limits.rememberedResets, let oldest = rememberedOrder.popFirst() {
      remembered.remove(oldest)
    }
  }

  /// Forgets a stream; what of it lies unread no longer counts.
  mutating func remove(_ id: UInt32) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    if stream.isInTurn { order.remove(id) }
    queued -= stream.queued
    windowGrowth -= stream.receiveWindow.size - limits.streamWindow
    creditConnection(stream.receiveWindow.unread)
  }

  mutating func creditConnection(_ count: Int) {
    let increment = receiveWindow.consume(count)
    if increment > 0 { HTTP2FrameWriter.writeWindowUpdate(0, increment: increment, into: &control) }
  }
}
