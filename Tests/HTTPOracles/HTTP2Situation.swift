/// A state of a connection, and one more frame: chosen by whoever has numbers, a generator or a fuzzer.
///
/// Stream 1 is a POST under way, 3 a GET that waits for its answer, 5 was reset by the client, 7 and more are idle.
package struct HTTP2Situation: Sendable, CustomStringConvertible {
  package var before: [HTTP2Oracle.Frame]
  package var frame: HTTP2Oracle.Frame

  package init(_ choose: (Int) -> Int) {
    var before: [HTTP2Oracle.Frame] = []
    let states = choose(16)
    if states & 1 == 0 { before.append(HTTP2Oracle.Frame(1, 4, 1, HTTP2Oracle.post)) }
    if states & 2 == 0 { before.append(HTTP2Oracle.Frame(1, 5, 3, HTTP2Oracle.get)) }
    if states & 4 == 0 {
      before.append(HTTP2Oracle.Frame(1, 4, 5, HTTP2Oracle.post))
      before.append(HTTP2Oracle.Frame(3, 0, 5, [0, 0, 0, 8]))
    }
    if states & 8 == 0, states & 1 == 0 { before.append(HTTP2Oracle.Frame(0, 0, 1, Array("hello".utf8))) }
    self.before = before
    frame = Self.frame(choose)
  }

  private static let streams: [UInt32] = [0, 1, 1, 1, 3, 5, 7, 7, 9, 2, 101]

  private static func frame(_ choose: (Int) -> Int) -> HTTP2Oracle.Frame {
    // Type 10 stands for one that nobody knows: NIOHTTP2 knows ALTSVC and ORIGIN.
    let chosen = UInt8(choose(12))
    let type = chosen == 10 ? 0xFA : chosen == 11 ? 0x10 : chosen
    let flags = [0, 1, 4, 5, 8, 0x2D, 0x24, 0x25, 9, 0xFF][choose(10)]
    return HTTP2Oracle.Frame(type, UInt8(flags), streams[choose(streams.count)], payload(type, choose))
  }

  private static func payload(_ type: UInt8, _ choose: (Int) -> Int) -> [UInt8] {
    func number(_ bytes: Int) -> [UInt8] {
      (0..<bytes).map { _ in UInt8([0, 0, 0, 1, 0x7F, 0x80, 0xFF, 2][choose(8)]) }
    }
    if choose(4) == 0 { return (0..<choose(24)).map { _ in UInt8(choose(256)) } }
    switch type {
    case 1, 9: return choose(3) == 0 ? HTTP2Oracle.section(fields(choose)) : HTTP2Oracle.get
    case 2: return number(5)
    case 3, 8: return number(4)
    case 4: return (0..<choose(3)).flatMap { _ in [0, UInt8(1 + choose(6))] + number(4) }
    case 6: return number(8)
    case 7: return number(8 + choose(3))
    case 0x10: return number(4) + [Array("u=1, i".utf8), Array("u=,".utf8), []][choose(3)]
    default: return number(choose(12))
    }
  }

  /// A request's fields with one change.
  private static func fields(_ choose: (Int) -> Int) -> [(String, String)] {
    var fields = [(":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")]
    let names = [
      ":method", ":scheme", ":authority", ":path", ":status", ":x", "x", "X", "x y", "connection", "te", "host",
      "content-length", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection", "cookie", "x\r", "",
    ]
    let values = [
      "", "GET", "/", "*", "https", "http", "app.test", "a.test", "trailers", "gzip", "5", "0", "5,5", "+5", "a\r\nb",
      " a", "a\0",
      "/a b", "ftp", "\u{e9}",
    ]
    let field = (names[choose(names.count)], values[choose(values.count)])
    switch choose(4) {
    case 0: fields.append(field)
    case 1: fields.insert(field, at: choose(5))
    case 2: fields.remove(at: choose(4))
    default: fields[choose(4)].1 = field.1
    }
    return fields
  }

  package var description: String { "behind \(before.count) frames: \(frame)" }

  /// What both say; `nil` where the states could not be reached by both.
  package func judged() throws -> (ours: HTTP2Oracle.Verdict, theirs: HTTP2Oracle.Verdict) {
    var oracle = try HTTP2Oracle()
    defer { oracle.finish() }
    for one in before {
      let verdicts = oracle.judge(one)
      guard verdicts.ours == .accepted, verdicts.theirs == .accepted else {
        throw HTTP2Oracle.Failure.preface("\(one): \(verdicts)")
      }
    }
    return oracle.judge(frame)
  }
}
