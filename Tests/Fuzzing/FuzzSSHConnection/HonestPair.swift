import FuzzDriver
import NIOCore

@testable import SSHProtocol

/// Two of our machines with a wire between them. Their owners open, write, read, finish and close as the input says.
struct HonestPair: ~Copyable {
  private var client: Endpoint
  private var server: Endpoint
  private var toServer = ByteBuffer()
  private var toClient = ByteBuffer()
  private var streams: [Stream] = []
  private let memory = WindowMemory(limit: 1 << 20)

  /// One channel as its owners see it. `client` and `server` are its ids there.
  private struct Stream {
    var client: ChannelID?
    var server: ChannelID?
    var toServer = Direction()
    var toClient = Direction()
    var ends: [Bool: ChannelEnd] = [:]
  }

  private struct Direction {
    var written = 0
    var received = 0
    var unconsumed = 0
    /// The writer closed at once, or the reader was gone: not everything need arrive.
    var mayLose = false
    var isFinished = false
    var hasEnded = false
  }

  init() {
    Endpoint.now = 1_000_000_000
    client = Endpoint(.client, memory)
    server = Endpoint(.server, memory)
  }

  mutating func run(_ input: inout FuzzInput) {
    do throws(SSHError) {
      var steps = 0
      while !input.isEmpty, steps < 300 {
        steps += 1
        try step(&input)
        client.check()
        server.check()
      }
      try comeToAnEnd()
    } catch {
      fatalError("two sides that keep the rules: \(error)")
    }
    checkEnd()
  }

  private mutating func step(_ input: inout FuzzInput) throws(SSHError) {
    let atServer = input.bool()
    switch input.byte() % 12 {
    case 0, 1: open(atServer, &input)
    case 2, 3: write(atServer, &input)
    case 4: consume(atServer, input.number(below: 3000), &input)
    case 5: if let stream = pick(&input) { finish(stream, atServer) }
    case 6: if let stream = pick(&input) { close(stream, atServer, input.bool() ? .now : .afterQueued) }
    case 7: request(atServer, &input)
    case 8: Endpoint.now += UInt64(input.byte()) * 1_000_000
    default: try carry(atServer, input.number(below: 20_000))
    }
  }

  // MARK: what owners do

  private mutating func pick(_ input: inout FuzzInput) -> Int? {
    streams.isEmpty ? nil : input.number(below: streams.count)
  }

  private mutating func open(_ atServer: Bool, _ input: inout FuzzInput) {
    guard streams.count < 64 else { return }
    if atServer {
      let open = ChannelOpen.forwardedTCPIP(
        connectedHost: "\(streams.count)", connectedPort: 1, originatorHost: "", originatorPort: 1)
      guard let id = server.machine.openChannel(open, &server.transport) else { return }
      streams.append(Stream(client: nil, server: id))
    } else {
      let open = ChannelOpen.directTCPIP(
        host: "\(streams.count)", port: 1, originatorHost: "", originatorPort: 1)
      guard let id = client.machine.openChannel(open, &client.transport) else { return }
      streams.append(Stream(client: id, server: nil))
    }
  }

  private mutating func write(_ atServer: Bool, _ input: inout FuzzInput) {
    guard let index = pick(&input) else { return }
    let count = input.number(below: 4000)
    guard let id = atServer ? streams[index].server : streams[index].client,
      atServer ? server.machine.isWritable(id) : client.machine.isWritable(id)
    else { return }
    let written = atServer ? streams[index].toClient.written : streams[index].toServer.written
    // Each byte says where it stands.
    let bytes = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: written + $0) })
    if atServer {
      server.machine.write(bytes, code: nil, to: id)
      streams[index].toClient.written += count
    } else {
      client.machine.write(bytes, code: nil, to: id)
      streams[index].toServer.written += count
    }
  }

  private mutating func consume(_ atServer: Bool, _ count: Int, _ input: inout FuzzInput) {
    guard let index = pick(&input) else { return }
    consume(index, atServer, count)
  }

  private mutating func consume(_ index: Int, _ atServer: Bool, _ count: Int) {
    guard let id = atServer ? streams[index].server : streams[index].client else { return }
    if atServer {
      let known = min(count, streams[index].toServer.unconsumed)
      streams[index].toServer.unconsumed -= known
      server.machine.consumed(known, from: id, &server.transport)
    } else {
      let known = min(count, streams[index].toClient.unconsumed)
      streams[index].toClient.unconsumed -= known
      client.machine.consumed(known, from: id, &client.transport)
    }
  }

  private mutating func finish(_ index: Int, _ atServer: Bool) {
    guard let id = atServer ? streams[index].server : streams[index].client else { return }
    if atServer {
      server.machine.finishWriting(id)
      streams[index].toClient.isFinished = true
    } else {
      client.machine.finishWriting(id)
      streams[index].toServer.isFinished = true
    }
  }

  private mutating func close(_ index: Int, _ atServer: Bool, _ how: ChannelClosing) {
    guard let id = atServer ? streams[index].server : streams[index].client else { return }
    // Whoever closes takes nothing more; what it had queued still goes, unless it says now or nobody has accepted yet.
    if atServer {
      server.machine.close(id, how, &server.transport)
      streams[index].toServer.mayLose = true
      if how == .now { streams[index].toClient.mayLose = true }
    } else {
      client.machine.close(id, how, &client.transport)
      streams[index].toClient.mayLose = true
      if how == .now { streams[index].toServer.mayLose = true }
    }
  }

  private mutating func request(_ atServer: Bool, _ input: inout FuzzInput) {
    guard let index = pick(&input) else { return }
    let wantsReply = input.bool()
    if atServer, let id = streams[index].server {
      guard server.machine.channels[id]?.unanswered ?? 0 < 8 else { return }
      server.machine.sendRequest(.exitStatus(1), on: id, wantsReply: wantsReply)
    } else if !atServer, let id = streams[index].client {
      guard client.machine.channels[id]?.unanswered ?? 0 < 8 else { return }
      client.machine.sendRequest(.other(type: "x", data: []), on: id, wantsReply: wantsReply)
    }
  }

  // MARK: the wire

  /// At most `count` bytes towards the server, or from it.
  private mutating func carry(_ atServer: Bool, _ count: Int) throws(SSHError) {
    toServer.writeImmutableBuffer(try client.output())
    toClient.writeImmutableBuffer(try server.output())
    if atServer {
      guard let bytes = toServer.readSlice(length: min(count, toServer.readableBytes)) else { return }
      try server.input(ByteBuffer(bytes: bytes.readableBytesView))
    } else {
      guard let bytes = toClient.readSlice(length: min(count, toClient.readableBytes)) else { return }
      try client.input(ByteBuffer(bytes: bytes.readableBytesView))
    }
    while let event = server.machine.events.popFirst() { take(event, atServer: true) }
    while let event = client.machine.events.popFirst() { take(event, atServer: false) }
  }

  private mutating func take(_ event: SSHEvent, atServer: Bool) {
    switch event {
    case .channelOpenRequested(let id, .directTCPIP(let host, _, _, _)):
      let index = stream(named: host)
      streams[index].server = id
      if index % 5 == 4 {
        server.machine.reject(id, .connectFailed, "no", &server.transport)
      } else {
        server.machine.accept(id, &server.transport)
      }
    case .channelOpenRequested(let id, .forwardedTCPIP(let host, _, _, _)):
      let index = stream(named: host)
      streams[index].client = id
      client.machine.accept(id, &client.transport)
    case .channelOpenFailed(let id, _, _):
      let index = stream(id, atServer)
      streams[index].ends[atServer] = .finished
      streams[index].toServer.mayLose = true
      streams[index].toClient.mayLose = true
    case .channelData(let id, let bytes): received(bytes, on: stream(id, atServer), atServer)
    case .channelEOF(let id):
      let index = stream(id, atServer)
      if atServer { streams[index].toServer.hasEnded = true } else { streams[index].toClient.hasEnded = true }
    case .channelRequest(_, _, let reply):
      guard let reply else { return }
      if atServer {
        server.machine.answer(reply, success: true, port: nil, &server.transport)
      } else {
        client.machine.answer(reply, success: true, port: nil, &client.transport)
      }
    case .channelClosed(let id, let end):
      let index = stream(id, atServer)
      guard streams[index].ends[atServer] == nil else { fatalError("\(id) ended twice") }
      streams[index].ends[atServer] = end
    case .channelOpened, .channelWritable, .channelRequestAnswered: break
    default: fatalError("\(event)")
    }
  }

  private func stream(named name: String) -> Int {
    guard let index = Int(name), streams.indices.contains(index) else { fatalError("a channel for \(name)") }
    return index
  }

  private func stream(_ id: ChannelID, _ atServer: Bool) -> Int {
    guard let index = streams.firstIndex(where: { (atServer ? $0.server : $0.client) == id }) else {
      fatalError("an event of \(id), which nobody knows")
    }
    return index
  }

  private mutating func received(_ bytes: ByteBuffer, on index: Int, _ atServer: Bool) {
    var direction = atServer ? streams[index].toServer : streams[index].toClient
    for byte in bytes.readableBytesView {
      guard byte == UInt8(truncatingIfNeeded: direction.received) else { fatalError("a byte out of place") }
      direction.received += 1
    }
    direction.unconsumed += bytes.readableBytes
    guard direction.received <= direction.written, !direction.hasEnded else { fatalError("\(direction)") }
    if atServer { streams[index].toServer = direction } else { streams[index].toClient = direction }
  }

  // MARK: the end

  /// Everybody reads all there is, and closes.
  private mutating func comeToAnEnd() throws(SSHError) {
    try settle()
    for (index, stream) in streams.enumerated() where stream.ends.isEmpty {
      close(index, true, .afterQueued)
      close(index, false, .afterQueued)
    }
    try settle()
  }

  private mutating func settle() throws(SSHError) {
    for _ in 0..<10_000 {
      Endpoint.now += 1_000_000
      for index in streams.indices {
        consume(index, true, .max)
        consume(index, false, .max)
      }
      let before = streams.reduce(0) { $0 + $1.toServer.received + $1.toClient.received }
      try carry(true, .max)
      try carry(false, .max)
      let after = streams.reduce(0) { $0 + $1.toServer.received + $1.toClient.received }
      toServer.writeImmutableBuffer(try client.output())
      toClient.writeImmutableBuffer(try server.output())
      if before == after, toServer.readableBytes == 0, toClient.readableBytes == 0 { return }
    }
    fatalError("it does not come to an end")
  }

  private func checkEnd() {
    for (index, stream) in streams.enumerated() {
      for (direction, atServer) in [(stream.toServer, true), (stream.toClient, false)]
      where !direction.mayLose && direction.received != direction.written {
        fatalError("stream \(index) to server \(atServer): \(direction)")
      }
      guard
        stream.ends.count == (stream.client != nil && stream.server != nil && index % 5 != 4 ? 2 : stream.ends.count)
      else { fatalError("stream \(index) has ended at \(stream.ends)") }
    }
    for machine in [client.machine.channels.count, server.machine.channels.count] where machine != 0 {
      fatalError("\(machine) channels are left")
    }
    guard client.machine.openedByUs + client.machine.openedByPeer == 0,
      server.machine.openedByUs + server.machine.openedByPeer == 0, memory.reserved == 0
    else { fatalError("counts are left: \(memory.reserved)") }
  }
}
