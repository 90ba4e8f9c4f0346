import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

typealias Script = HTTP2ConversationTests.Script
typealias Message = HTTP2ConversationTests.Message

/// One end of ours and one of swift-nio-http2, with the bytes carried between them in pieces of any size.
protocol Conversation {
  var connection: HTTP2Connection { get set }
  var channel: EmbeddedChannel { get }
  var heardByUs: [UInt32: Message] { get set }
  var heardByThem: [UInt32: Message] { get set }
  /// Says the head of stream number `index`; ends it where nothing follows.
  mutating func beginOurs(_ script: Script, _ index: Int, endsStream: Bool)
  mutating func take(_ event: HTTP2Event)
  static var oursAreRequests: Bool { get }
}

extension Conversation {
  static func id(_ index: Int) -> UInt32 { UInt32(2 * index + 1) }

  /// All of it, the steps of the streams mixed at random. A response begins once its request has been said: a server that
  /// has answered early resets what is left.
  mutating func hold(_ requests: [Script], _ responses: [Script], _ generator: inout SeededGenerator) throws {
    try carry(&generator)
    let ours = Self.oursAreRequests ? requests : responses
    let theirs = Self.oursAreRequests ? responses : requests
    var begun = 0
    // Requests begin in the order of their numbers; everything else as it comes.
    var steps: [(isOurs: Bool, index: Int, step: Int)] = []
    while begun < requests.count || !steps.isEmpty {
      if begun < requests.count, steps.isEmpty || Bool.random(using: &generator) {
        steps.append((Self.oursAreRequests, begun, 0))
        try say(steps.removeLast(), ours, theirs, &steps)
        begun += 1
      } else {
        let next = steps.remove(at: Int.random(in: 0..<steps.count, using: &generator))
        try carry(&generator)
        try say(next, ours, theirs, &steps)
      }
      if Bool.random(using: &generator) { try carry(&generator) }
    }
    try carry(&generator)
  }

  /// Says one piece, and puts the next of the same stream among the steps.
  private mutating func say(
    _ step: (isOurs: Bool, index: Int, step: Int), _ ours: [Script], _ theirs: [Script],
    _ steps: inout [(isOurs: Bool, index: Int, step: Int)]
  ) throws {
    let script = step.isOurs ? ours[step.index] : theirs[step.index]
    let id = Self.id(step.index)
    let isLast = step.step >= script.pieces.count
    if step.step == 0 {
      let ends = script.pieces.isEmpty && script.trailers == nil
      if step.isOurs {
        beginOurs(script, step.index, endsStream: ends)
      } else {
        try write(id, .headers(.init(headers: HPACKHeaders(script.fields), endStream: ends)))
      }
      if ends {
        if step.isOurs == Self.oursAreRequests { steps.append((!step.isOurs, step.index, 0)) }
        return
      }
    } else if step.isOurs {
      connection.sendBody(id, ByteBuffer(bytes: script.pieces[step.step - 1]))
    } else {
      let ends = isLast && script.trailers == nil
      let data = ByteBuffer(bytes: script.pieces[step.step - 1])
      try write(id, .data(.init(data: .byteBuffer(data), endStream: ends)))
    }
    guard isLast else {
      steps.append((step.isOurs, step.index, step.step + 1))
      return
    }
    if step.isOurs == Self.oursAreRequests { steps.append((!step.isOurs, step.index, 0)) }
    if step.isOurs {
      connection.sendEnd(id, trailers: script.trailers.map { HeaderList($0) })
    } else if let trailers = script.trailers {
      try write(id, .headers(.init(headers: HPACKHeaders(trailers), endStream: true)))
    }
  }

  private func write(_ id: UInt32, _ payload: HTTP2Frame.FramePayload) throws {
    let frame = HTTP2Frame(streamID: HTTP2StreamID(Int(id)), payload: payload)
    channel.writeAndFlush(frame, promise: nil)
    try channel.throwIfErrorCaught()
  }

  /// Bytes both ways until neither has more to say.
  private mutating func carry(_ generator: inout SeededGenerator) throws {
    var isQuiet = false
    while !isQuiet {
      isQuiet = true
      while var bytes = connection.takeOutbound() {
        isQuiet = false
        while bytes.readableBytes > 0 {
          let count = min(bytes.readableBytes, Int.random(in: 1...30_000, using: &generator))
          guard let piece = bytes.readSlice(length: count) else { break }
          try channel.writeInbound(piece)
        }
        try hear()
      }
      while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
        isQuiet = false
        try connection.receive(bytes, at: 0)
        while let event = connection.nextEvent() { take(event) }
      }
    }
  }

  /// Their user's part: notes what came, and opens the windows again.
  private mutating func hear() throws {
    while let frame = try channel.readInbound(as: HTTP2Frame.self) {
      let id = UInt32(Int(frame.streamID))
      switch frame.payload {
      case .headers(let headers):
        let fields = headers.headers.map { "\($0.name): \($0.value)" }
        if heardByThem[id] == nil {
          heardByThem[id] = Message(fields: fields)
        } else {
          heardByThem[id]?.trailers = fields
        }
        if headers.endStream { heardByThem[id]?.isWhole = true }
      case .data(let data):
        guard case .byteBuffer(let bytes) = data.data else { continue }
        heardByThem[id]?.body += Array(bytes.readableBytesView)
        if data.endStream { heardByThem[id]?.isWhole = true }
        guard bytes.readableBytes > 0 else { continue }
        try write(0, .windowUpdate(windowSizeIncrement: bytes.readableBytes))
        // By now the stream may be over.
        if !data.endStream { try? write(id, .windowUpdate(windowSizeIncrement: bytes.readableBytes)) }
      case .rstStream(let code): Issue.record("stream \(id) was reset: \(code)")
      case .goAway(_, let code, _): Issue.record("the connection was given up: \(code)")
      default: break
      }
    }
  }

  mutating func noteBody(_ id: UInt32, _ bytes: ByteBuffer) {
    heardByUs[id]?.body += Array(bytes.readableBytesView)
    connection.consumed(bytes.readableBytes, of: id)
  }

  mutating func noteCommon(_ event: HTTP2Event) {
    switch event {
    case .body(let id, let bytes): noteBody(id, bytes)
    case .trailers(let id, let list): heardByUs[id]?.trailers = list.map { "\($0.name): \($0.value)" }
    case .end(let id): heardByUs[id]?.isWhole = true
    case .reset(let id, let code, _): Issue.record("stream \(id) was reset: \(code)")
    case .refused(let id, let error): Issue.record("stream \(id) was refused: \(error)")
    case .goAway(_, let code): Issue.record("the connection was given up: \(code)")
    case .closed, .writable, .settings, .request, .response: break
    }
  }
}

struct ConversationWithClient: Conversation {
  var connection = HTTP2Connection(role: .server) { "a2V5" }
  let channel: EmbeddedChannel
  var heardByUs: [UInt32: Message] = [:]
  var heardByThem: [UInt32: Message] = [:]
  static let oursAreRequests = false

  init() throws {
    channel = EmbeddedChannel(handler: NIOHTTP2Handler(mode: .client))
    channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 80), promise: nil)
  }

  mutating func beginOurs(_ script: Script, _ index: Int, endsStream: Bool) {
    var head = ResponseHead(status: Int(script.fields[0].1) ?? 0, framing: endsStream ? .none : .chunked)
    head.headers = HeaderList(Array(script.fields.dropFirst()))
    connection.sendHead(Self.id(index), head, endsStream: endsStream)
  }

  mutating func take(_ event: HTTP2Event) {
    guard case .request(let id, let head, _) = event else { return noteCommon(event) }
    var message = Message(fields: [":method: \(head.method.text)", ":path: \(head.target)"])
    message.fields += head.headers.map { "\($0.name.lowercased()): \($0.value)" }
    heardByUs[id] = message
  }
}

struct ConversationWithServer: Conversation {
  var connection = HTTP2Connection(role: .client) { "a2V5" }
  let channel: EmbeddedChannel
  var heardByUs: [UInt32: Message] = [:]
  var heardByThem: [UInt32: Message] = [:]
  static let oursAreRequests = true

  init() throws {
    channel = EmbeddedChannel(handler: NIOHTTP2Handler(mode: .server))
    channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 80), promise: nil)
  }

  mutating func beginOurs(_ script: Script, _ index: Int, endsStream: Bool) {
    let fields = script.fields
    let head = RequestHead(
      method: RequestMethod(fields[0].1), target: fields[2].1, headers: HeaderList(Array(fields.dropFirst(4))),
      authority: Authority(Array(fields[3].1.utf8)))
    let id = connection.sendRequest(head, scheme: "https", endsStream: endsStream)
    if id != Self.id(index) { Issue.record("stream \(index) got the number \(id ?? 0)") }
  }

  mutating func take(_ event: HTTP2Event) {
    guard case .response(let id, let head, _) = event else { return noteCommon(event) }
    heardByUs[id] = Message(fields: [":status: \(head.status)"] + head.headers.map { "\($0.name): \($0.value)" })
  }
}
