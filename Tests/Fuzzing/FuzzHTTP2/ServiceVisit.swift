import HTTPWire
import NIOCore

/// The same bytes as a service's: what it may answer to requests of ours, whole and in pieces.
struct ServiceVisit {
  /// What was read, in words.
  private(set) var told: [String] = []

  init(answers: UInt8, pieces: [[UInt8]]) {
    let limits = HTTP2Limits.service
    var connection = HTTP2Connection(role: .client, limits: limits) { "" }
    while connection.takeOutbound() != nil {}
    Self.begin(&connection, answers)
    var unread: [UInt32: Int] = [:]
    var failure: HTTP2Error?
    for piece in pieces where failure == nil {
      do throws(HTTP2Error) {
        try connection.receive(ByteBuffer(bytes: piece), at: 0)
      } catch {
        failure = error
      }
      while let event = connection.nextEvent() {
        switch event {
        case .response(let id, let head, let ends):
          guard id & 1 == 1 else { fatalError("an answer on stream \(id)") }
          told.append("\(id) \(head.status) \(head.framing) \(ends)")
        case .body(let id, let bytes):
          unread[id, default: 0] += bytes.readableBytes
          guard unread[id, default: 0] <= limits.largestStreamWindow else { fatalError("\(unread) bytes unread") }
          if answers & 1 == 1 {
            connection.consumed(bytes.readableBytes, of: id)
            unread[id] = 0
          }
        case .trailers(let id, let list): told.append("\(id) trailers \(list)")
        case .end(let id): told.append("\(id) end")
        case .reset(let id, let code, let byPeer): told.append("\(id) \(code) \(byPeer)")
        case .goAway(let last, let code): told.append("goes after \(last) \(code)")
        case .closed, .writable, .settings: break
        case .request, .refused: fatalError("a service that asks")
        }
      }
    }
    if let failure { told.append("failed \(failure.code)") }
    Self.finish(&connection, answers)
  }

  /// Requests under way when the service begins to speak; numbers 1 to 9.
  private static func begin(_ connection: inout HTTP2Connection, _ answers: UInt8) {
    for number in 0..<5 {
      let method: RequestMethod = number == 0 ? .head : number == 1 ? .get : .post
      let head = RequestHead(
        method: method, target: "/\(number)", headers: HeaderList([("te", "trailers")]),
        authority: Authority(host: "service.test"))
      let id = connection.sendRequest(
        head, scheme: "http", protocolName: number == 4 ? "websocket" : nil, endsStream: number < 2)
      guard let id, number >= 2 else { continue }
      connection.sendBody(id, ByteBuffer(repeating: 1, count: 20_000))
      if number == 2 { connection.sendEnd(id, trailers: answers & 2 == 2 ? HeaderList([("x-sum", "1")]) : nil) }
      if number == 4 { connection.becomeTunnel(id) }
    }
  }

  private static func finish(_ connection: inout HTTP2Connection, _ answers: UInt8) {
    for id in stride(from: UInt32(1), to: 11, by: 2) {
      if answers & 4 == 4 { connection.reset(id, .cancel) }
      if answers & 8 == 8 { connection.endTunnel(id) }
      connection.sendEnd(id)
    }
    connection.ping()
    begin(&connection, answers)
    connection.close(.noError, reason: "")
    while connection.takeOutbound() != nil {}
  }
}
