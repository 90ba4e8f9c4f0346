import FuzzDriver
import HTTPWire
import NIOCore
import NIOHPACK

// What a visitor may send after TLS has agreed on HTTP/2, whole and in pieces, which must come to the same; a service answers
// in between. Then the same frames as a service's. Never a trap, never more unread than the windows announced.

@_cdecl("FuzzHTTP2_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    let answers = input.byte()
    let pattern = input.bytes(Int(input.byte() & 7))
    let sent = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0] + input.remaining
    let whole = Visit(answers: answers, pieces: [sent])
    let dripped = Visit(answers: answers, pieces: FuzzInput.split(sent, by: pattern))
    guard whole.told == dripped.told else { fatalError("\(whole.told) whole, \(dripped.told) in pieces") }
    Compressed.compare(sent)
    let answered = Array(sent.dropFirst(24))
    let service = ServiceVisit(answers: answers, pieces: [answered])
    let slow = ServiceVisit(answers: answers, pieces: FuzzInput.split(answered, by: pattern))
    guard service.told == slow.told else { fatalError("\(service.told) whole, \(slow.told) in pieces") }
  }
}

private struct Visit {
  /// What was read, in words; answers are left out, because they come at other moments.
  private(set) var told: [String] = []

  init(answers: UInt8, pieces: [[UInt8]]) {
    let limits = HTTP2Limits()
    var connection = HTTP2Connection(role: .server, limits: limits) { "a2V5" }
    var unread = 0
    var failure: HTTP2Error?
    for piece in pieces where failure == nil {
      do throws(HTTP2Error) {
        try connection.receive(ByteBuffer(bytes: piece), at: 0)
      } catch {
        // Whoever owns the connection closes it now; what came before still counts.
        failure = error
      }
      while let event = connection.nextEvent() {
        switch event {
        case .request(let id, let head, _): told.append("\(id) \(head.method) \(head.target)")
        case .refused(let id, let error): told.append("\(id) \(error)")
        case .body(let id, let bytes):
          unread += bytes.readableBytes
          if answers & 1 == 1 {
            connection.consumed(bytes.readableBytes, of: id)
            unread -= bytes.readableBytes
          }
        case .trailers(let id, let list): told.append("\(id) trailers \(list)")
        case .end(let id): told.append("\(id) end")
        case .reset(let id, let code, _): told.append("\(id) \(code)")
        case .closed, .writable, .goAway, .settings, .response: break
        }
      }
      guard unread <= limits.largestConnectionWindow else { fatalError("\(unread) bytes unread") }
    }
    if let failure { told.append("failed \(failure.code)") }
    // Answers to everything under way, in ways the input chooses.
    for id in stride(from: UInt32(1), to: 40, by: 2) {
      if answers & 2 == 2 { connection.sendHead(id, ResponseHead(status: 103), endsStream: false) }
      connection.sendHead(id, ResponseHead(status: 200, framing: .chunked), endsStream: answers & 4 == 4)
      connection.sendBody(id, ByteBuffer(repeating: 1, count: 40_000))
      if answers & 8 == 8 { connection.becomeTunnel(id) }
      connection.sendEnd(id, trailers: answers & 16 == 16 ? HeaderList([("x-sum", "1")]) : nil)
      if answers & 32 == 32 { connection.reset(id, .cancel) }
      if answers & 64 == 64 { connection.endTunnel(id) }
    }
    if answers & 128 == 128 { connection.beginGoAway() }
    while connection.takeOutbound() != nil {}
  }
}

/// The same bytes as field sections of one connection, by our reader and by NIOHPACK's: whatever both take must be the same, and
/// what the other refuses we do not take. (We refuse more: integers beyond 2^28, for one.)
private enum Compressed {
  static func compare(_ bytes: [UInt8]) {
    var ours = FieldSectionReader(largestListBytes: 1 << 20)
    var theirs = HPACKDecoder(
      allocator: ByteBufferAllocator(), maxDynamicTableSize: 4096, maxHeaderListSize: 1 << 20)
    for section in bytes.split(separator: 0xFF, omittingEmptySubsequences: true) {
      var block = ByteBuffer(bytes: section)
      let mine = try? ours.read(block)
      let others = Result { try theirs.decodeHeaders(from: &block) }
      // After a mistake the two tables need not be the same any more.
      guard let mine else { return }
      switch others {
      case .success(let expected): same(mine, expected)
      // A field without a name can be written, and is refused where fields are judged (RFC 9113 section 8.2.1).
      case .failure(is NIOHPACKErrors.EmptyLiteralHeaderFieldName): return
      // Bytes are bytes to us; there they must be UTF-8.
      case .failure(is NIOHPACKErrors.InvalidUTF8Data), .failure(is HuffmanDecodeError.InvalidUTF8): return
      case .failure(let error): fatalError("NIOHPACK refuses what we take, \(error): \(section)")
      }
    }
  }

  private static func same(_ mine: FieldLines, _ others: HPACKHeaders) {
    let told = mine.lines.map { line in
      String(decoding: mine.name(line), as: UTF8.self) + ": " + String(decoding: mine.value(line), as: UTF8.self)
    }
    let expected = others.map { "\($0.name): \($0.value)" }
    guard told == expected else { fatalError("\(told), by NIOHPACK \(expected)") }
  }
}
