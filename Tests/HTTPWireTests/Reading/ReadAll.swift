import HTTPWire
import NIOCore

/// What a reader made of some bytes, flattened so that two runs compare.
struct ReadMessage: Equatable, CustomStringConvertible {
  var start = ""
  var headers: [String] = []
  var body = ""
  var trailers: [String] = []
  var isWhole = false

  var description: String { "\(start) \(headers) body=\(body) trailers=\(trailers) whole=\(isWhole)" }
}

struct ReadResult: Equatable {
  var messages: [ReadMessage] = []
  var error: WireError?
  var leftOver = 0
}

/// Feeds `bytes` in pieces of `step` and gathers the events.
func readRequests(_ bytes: [UInt8], step: Int = .max, limits: HeadLimits = HeadLimits()) -> ReadResult {
  var reader = RequestReader(limits: limits)
  var buffer = ByteBuffer()
  var result = ReadResult()
  var offset = 0
  while offset < bytes.count {
    let end = step > bytes.count ? bytes.count : min(offset + step, bytes.count)
    buffer.writeBytes(bytes[offset..<end])
    offset = end
    do {
      while let event = try reader.next(from: &buffer) {
        switch event {
        case .head(let head):
          var message = ReadMessage()
          message.start = "\(head.method.text) \(head.target) \(head.version.text)"
          message.headers = head.headers.map { "\($0.name.lowercased()): \($0.value)" }
          result.messages.append(message)
        case .body(let bytes):
          result.messages[result.messages.count - 1].body += String(buffer: bytes)
        case .trailers(let trailers):
          result.messages[result.messages.count - 1].trailers = trailers.map { "\($0.name.lowercased()): \($0.value)" }
        case .end:
          result.messages[result.messages.count - 1].isWhole = true
        }
      }
    } catch {
      result.error = error
      return result
    }
  }
  result.leftOver = buffer.readableBytes
  return result
}

func readRequests(_ text: String, step: Int = .max, limits: HeadLimits = HeadLimits()) -> ReadResult {
  readRequests(Array(text.utf8), step: step, limits: limits)
}

func readResponses(
  _ text: String, to method: RequestMethod = .get, mayUpgrade: Bool = false, step: Int = .max, thenCloses: Bool = false
) -> ReadResult {
  readResponses(Array(text.utf8), to: method, mayUpgrade: mayUpgrade, step: step, thenCloses: thenCloses)
}

func readResponses(
  _ bytes: [UInt8], to method: RequestMethod = .get, mayUpgrade: Bool = false, step: Int = .max,
  thenCloses: Bool = false
) -> ReadResult {
  var reader = ResponseReader()
  reader.begin(method: method, mayUpgrade: mayUpgrade)
  var buffer = ByteBuffer()
  var result = ReadResult()
  var offset = 0
  func take(_ event: ResponseReader.Event) {
    switch event {
    case .interim(let head), .head(let head):
      var message = ReadMessage()
      message.start = "\(head.status) \(head.reason)"
      message.headers = head.headers.map { "\($0.name.lowercased()): \($0.value)" }
      message.isWhole = head.isInterim
      result.messages.append(message)
    case .body(let bytes): result.messages[result.messages.count - 1].body += String(buffer: bytes)
    case .trailers(let trailers):
      result.messages[result.messages.count - 1].trailers = trailers.map { "\($0.name.lowercased()): \($0.value)" }
    case .end: result.messages[result.messages.count - 1].isWhole = true
    }
  }
  do {
    while offset < bytes.count {
      let end = step > bytes.count ? bytes.count : min(offset + step, bytes.count)
      buffer.writeBytes(bytes[offset..<end])
      offset = end
      while let event = try reader.next(from: &buffer) { take(event) }
    }
    if thenCloses, let event = try reader.finish() { take(event) }
  } catch {
    result.error = error
  }
  result.leftOver = buffer.readableBytes
  return result
}
