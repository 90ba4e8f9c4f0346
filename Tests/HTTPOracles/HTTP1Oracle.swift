import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// llhttp, through NIOHTTP1, as the judge of our HTTP/1.1 readers: whatever we accept it must accept, and understand in the
/// same way. What we refuse is our business, because nothing of it is passed on.
///
/// Not compared, because the two mean different things by it or the edge handles it elsewhere:
/// - methods that llhttp does not know, for any token is one to us;
/// - CONNECT, and requests for an upgrade: llhttp leaves the connection to its owner behind them, and so do we, one level up;
/// - framing fields in trailers, which llhttp refuses; our owner takes them out of requests and breaks responses off;
/// - what follows a request that ends the connection: llhttp refuses it at once, our owner closes;
/// - the authority of an absolute target, which we have taken apart by then;
/// - an interim response that calls itself HTTP/1.0: llhttp takes the connection for ended behind it;
/// - the reason phrase.
package enum HTTP1Oracle {
  struct Message: Equatable, CustomStringConvertible {
    var start = ""
    var target = ""
    var headers: [String] = []
    var body: [UInt8] = []
    var trailers: [String] = []
    var isWhole = false

    var description: String {
      "\(start) \(target) \(headers) body=\(String(decoding: body, as: UTF8.self)) trailers=\(trailers) whole=\(isWhole)"
    }
  }

  /// What we read out of these bytes, and what llhttp reads instead; `nil` when that is the same. `count` is how many
  /// messages were compared.
  package static func disagreement(requests bytes: [UInt8]) -> (count: Int, text: String?) {
    let (messages, length) = ourRequests(bytes)
    guard !messages.isEmpty else { return (0, nil) }
    let read = Array(bytes.prefix(length))
    guard let theirs = theirRequests(read) else { return (messages.count, "refused, we read \(messages)") }
    let agree =
      theirs.count == messages.count
      && zip(messages, theirs).allSatisfy { ours, theirs in
        var theirs = theirs
        if isSameTarget(ours.target, theirs.target) { theirs.target = ours.target }
        return ours == theirs
      }
    return (messages.count, agree ? nil : "reads \(theirs), we read \(messages)")
  }

  private static func isSameTarget(_ ours: String, _ theirs: String) -> Bool {
    if ours == theirs { return true }
    guard theirs.first != "/", theirs.contains("://") else { return false }
    let hasPath = theirs.hasSuffix(ours)
    return hasPath || (ours.first == "/" && (theirs.hasSuffix(ours.dropFirst()) || ours == "/"))
  }

  // MARK: Requests

  /// Whole requests up to the first that is not to be compared, and how many bytes they have.
  private static func ourRequests(_ bytes: [UInt8]) -> ([Message], Int) {
    var reader = RequestReader()
    var buffer = ByteBuffer(bytes: bytes)
    var messages: [Message] = []
    var present = Message()
    var isLast = false
    var length = 0
    do {
      while !isLast, let event = try reader.next(from: &buffer) {
        switch event {
        case .head(let head):
          let upgrades = head.headers.contains(.upgrade) && head.headers.contains(.connection)
          guard known.contains(head.method.text), head.method != .connect, !upgrades else { return (messages, length) }
          present = Message()
          present.start = "\(head.method.text) \(head.version.text)"
          present.target = head.target
          present.headers = fields(head.headers)
          isLast = false
          if !head.keepsAlive { present.trailers = ["last"] }
        case .body(let piece): present.body += Array(piece.readableBytesView)
        case .trailers(let trailers):
          guard !hasFraming(trailers) else { return (messages, length) }
          present.trailers = (present.trailers == ["last"] ? ["last"] : []) + fields(trailers)
        case .end:
          present.isWhole = true
          if present.trailers.first == "last" {
            isLast = true
            present.trailers.removeFirst()
          }
          messages.append(present)
          length = bytes.count - buffer.readableBytes
        }
      }
    } catch {
      // What was whole before is what would have been passed on.
    }
    return (messages, length)
  }

  private static func theirRequests(_ bytes: [UInt8]) -> [Message]? {
    let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
    let channel = EmbeddedChannel(handler: decoder)
    defer { _ = try? channel.finish() }
    var messages: [Message] = []
    do {
      try channel.writeInbound(ByteBuffer(bytes: bytes))
      while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
        switch part {
        case .head(let head):
          var message = Message()
          message.start = "\(head.method.rawValue) HTTP/\(head.version.major).\(head.version.minor)"
          message.target = head.uri
          message.headers = fields(head.headers)
          messages.append(message)
        case .body(let piece):
          messages[messages.count - 1].body += Array(piece.readableBytesView)
        case .end(let trailers):
          messages[messages.count - 1].trailers = trailers.map { fields($0) } ?? []
          messages[messages.count - 1].isWhole = true
        }
      }
    } catch {
      return nil
    }
    return messages
  }

  // MARK: Responses

  /// The same for what a service answers to one request. `closes`: the connection ends behind the bytes.
  package static func disagreement(
    responses bytes: [UInt8], to method: RequestMethod, closes: Bool
  ) -> (count: Int, text: String?) {
    let (messages, length) = ourResponses(bytes, to: method, closes: closes)
    guard let last = messages.last, last.isWhole else { return (0, nil) }
    let theirs = theirResponses(Array(bytes.prefix(length)), to: method, closes: closes)
    guard let theirs else { return (messages.count, "refused, we read \(messages)") }
    return (messages.count, theirs == messages ? nil : "reads \(theirs), we read \(messages)")
  }

  private static func ourResponses(_ bytes: [UInt8], to method: RequestMethod, closes: Bool) -> ([Message], Int) {
    var reader = ResponseReader()
    reader.begin(method: method)
    var buffer = ByteBuffer(bytes: bytes)
    var messages: [Message] = []
    do {
      while !reader.isIdle, let event = try reader.next(from: &buffer) {
        switch event {
        case .interim(let head) where head.version == .http10: return ([], 0)
        case .interim(let head), .head(let head):
          var message = Message()
          message.start = "\(head.status)"
          message.headers = fields(head.headers)
          message.isWhole = head.isInterim
          messages.append(message)
        case .body(let piece): messages[messages.count - 1].body += Array(piece.readableBytesView)
        case .trailers(let trailers):
          guard !hasFraming(trailers) else { return ([], 0) }
          messages[messages.count - 1].trailers = fields(trailers)
        case .end: messages[messages.count - 1].isWhole = true
        }
      }
      if closes, !reader.isIdle, try reader.finish() != nil { messages[messages.count - 1].isWhole = true }
    } catch {
      return ([], 0)
    }
    return (messages, bytes.count - buffer.readableBytes)
  }

  private static func theirResponses(_ bytes: [UInt8], to method: RequestMethod, closes: Bool) -> [Message]? {
    let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward)
    let channel = EmbeddedChannel(handler: ByteToMessageHandler(decoder))
    var messages: [Message] = []
    do {
      let request = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method.text), uri: "/")
      try channel.writeOutbound(HTTPClientRequestPart.head(request))
      try channel.writeInbound(ByteBuffer(bytes: bytes))
      if closes { channel.pipeline.fireChannelInactive() }
      try channel.throwIfErrorCaught()
      while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
        switch part {
        case .head(let head):
          var message = Message()
          message.start = "\(head.status.code)"
          message.headers = fields(head.headers)
          message.isWhole = head.status.code < 200
          messages.append(message)
        case .body(let piece): messages[messages.count - 1].body += Array(piece.readableBytesView)
        case .end(let trailers):
          messages[messages.count - 1].trailers = trailers.map { fields($0) } ?? []
          messages[messages.count - 1].isWhole = true
        }
      }
    } catch {
      return nil
    }
    return messages
  }

  // MARK: Fields

  private static func hasFraming(_ trailers: HeaderList) -> Bool {
    trailers.contains(.contentLength) || trailers.contains(.transferEncoding)
  }

  private static func fields(_ list: HeaderList) -> [String] { list.map { "\($0.name.lowercased()): \($0.value)" } }

  /// NIOHTTP1 leaves blanks behind a value.
  private static func fields(_ headers: HTTPHeaders) -> [String] {
    headers.map { name, value in
      let trimmed = String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
      return "\(name.lowercased()): \(trimmed)"
    }
  }

  /// llhttp's, but for RTSP's and M-SEARCH, which NIO writes in another way.
  private static let known: Set<String> = [
    "DELETE", "GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND",
    "PROPPATCH",
    "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "NOTIFY",
    "SUBSCRIBE", "UNSUBSCRIBE", "PATCH", "PURGE", "MKCALENDAR", "LINK", "UNLINK",
  ]
}
