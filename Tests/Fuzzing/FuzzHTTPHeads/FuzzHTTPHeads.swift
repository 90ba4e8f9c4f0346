import FuzzDriver
import HTTPWire
import NIOCore

// Requests and responses as a peer may send them. Whatever the bytes are: no trap, no endless loop, and the same events
// whether they come at once or one by one (a reader that depends on packet borders can be smuggled past).

@_cdecl("FuzzHTTPHeads_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { input in
    guard input.count > 1 else { return }
    let bytes = Array(input.dropFirst())
    let read = input[0] & 1 == 1 ? responseEvents : requestEvents
    let atOnce = read([bytes])
    let oneByOne = read(bytes.map { [$0] })
    guard atOnce == oneByOne else {
      fatalError("at once: \(atOnce)\none by one: \(oneByOne)")
    }
  }
}

private func requestEvents(_ pieces: [[UInt8]]) -> String {
  var reader = RequestReader()
  return collect(pieces) { buffer throws(WireError) in
    switch try reader.next(from: &buffer) {
    case nil: nil
    case .head(let head): .other("head \(head.method.text) \(head.target) \(fields(head.headers))")
    case .body(let bytes): .bytes(bytes)
    case .trailers(let trailers): .other("trailers \(fields(trailers))")
    case .end: .other("end")
    }
  }
}

private func responseEvents(_ pieces: [[UInt8]]) -> String {
  var reader = ResponseReader()
  reader.begin(method: .get)
  return collect(pieces) { buffer throws(WireError) in
    guard !reader.isIdle else { return nil }
    switch try reader.next(from: &buffer) {
    case nil: return nil
    case .interim(let head): return .other("interim \(head.status) \(fields(head.headers))")
    case .head(let head): return .other("head \(head.status) \(fields(head.headers))")
    case .body(let bytes): return .bytes(bytes)
    case .trailers(let trailers): return .other("trailers \(fields(trailers))")
    case .end: return .other("end")
    }
  }
}

private enum Seen {
  case bytes(ByteBuffer)
  case other(String)
}

/// The events as one text; neighbouring body bytes are joined, because their borders mean nothing.
private func collect(_ pieces: [[UInt8]], _ next: (inout ByteBuffer) throws(WireError) -> Seen?) -> String {
  var text = ""
  var body: [UInt8] = []
  var buffer = ByteBuffer()
  func flush() {
    if !body.isEmpty { text += "body \(body)\n" }
    body = []
  }
  do throws(WireError) {
    for piece in pieces {
      buffer.writeBytes(piece)
      var events = 0
      while let seen = try next(&buffer) {
        events += 1
        if events > 100_000 { fatalError("the reader does not come to an end") }
        switch seen {
        case .bytes(let bytes): body += Array(bytes.readableBytesView)
        case .other(let event):
          flush()
          text += event + "\n"
        }
      }
    }
    flush()
  } catch {
    // Which mistake is named may depend on how much was there; that it is one may not. Body bytes before it may differ too.
    text += "error"
  }
  return text
}

private func fields(_ headers: HeaderList) -> String {
  headers.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
}
