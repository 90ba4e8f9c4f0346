import FuzzDriver
import NIOCore

@testable import SSHProtocol

/// A client that sends what it likes, to a server whose owner does this and that.
enum HostileClient {
  static func run(_ input: inout FuzzInput) {
    Endpoint.now = 1_000_000_000
    let memory = WindowMemory(limit: 1 << 20)
    var server = Endpoint(.server, memory)
    var owned: [ChannelID] = []
    var tokens: [ReplyToken] = []
    do throws(SSHError) {
      var steps = 0
      while !input.isEmpty, steps < 500 {
        steps += 1
        let choice = input.byte()
        if choice < 176 {
          let message = choice < 32 ? input.piece() : self.message(&input)
          guard let number = message.first, MessageNumber.belongsToConnection(number) else { continue }
          try server.machine.receive(
            ByteBuffer(bytes: message), number: number, sessionID: server.transport.sessionID,
            transport: &server.transport)
        } else {
          owner(choice, &input, &server, &owned, &tokens)
          try server.machine.timePassed(now: Endpoint.now, &server.transport)
        }
        while let event = server.machine.events.popFirst() {
          take(event, &input, &server, &owned, &tokens)
        }
        server.check()
        if choice & 1 == 0 { _ = try server.output() }
      }
    } catch {
      guard error.text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { fatalError(error.text) }
    }
    server.check()
    server.machine.connectionLost()
    guard server.machine.channels.count == 0, server.machine.windows.reserved == 0, memory.reserved == 0 else {
      fatalError("\(server.machine.channels.count) channels, windows of \(memory.reserved) bytes")
    }
  }

  /// A message whose numbers are likely ones.
  private static func message(_ input: inout FuzzInput) -> [UInt8] {
    func number() -> UInt32 {
      switch input.byte() {
      case 0..<200: UInt32(input.number(below: 8))
      case 200..<220: UInt32.max - UInt32(input.number(below: 4))
      default: input.uint32()
      }
    }
    func amount() -> UInt32 {
      switch input.byte() {
      case 0..<100: UInt32(input.number(below: 2000))
      case 100..<130: 0
      case 130..<160: UInt32.max
      default: input.uint32()
      }
    }
    var buffer = ByteBuffer()
    let kinds: [UInt8] = [80, 81, 82, 90, 90, 91, 92, 93, 94, 94, 94, 95, 96, 97, 98, 98, 99, 100]
    let kind = kinds[input.number(below: kinds.count)]
    buffer.writeInteger(kind)
    switch kind {
    case MessageNumber.globalRequest:
      let names = [
        "tcpip-forward", "cancel-tcpip-forward", "keepalive@openssh.com", "no-more-sessions@openssh.com",
        "hostkeys-prove-00@openssh.com", "streamlocal-forward@openssh.com", "",
      ]
      buffer.writeSSHString(names[input.number(below: names.count)])
      buffer.writeSSHBoolean(input.bool())
      buffer.writeSSHString(input.bytes(input.number(below: 12)))
      buffer.writeInteger(amount())
    case MessageNumber.requestSuccess, MessageNumber.requestFailure:
      break
    case MessageNumber.channelOpen:
      let kinds = ["session", "session", "direct-tcpip", "forwarded-tcpip", "x11", "no-such"]
      let type = kinds[input.number(below: kinds.count)]
      buffer.writeSSHString(type)
      buffer.writeInteger(number())
      buffer.writeInteger(amount())
      buffer.writeInteger(amount())
      if type.hasSuffix("tcpip") {
        buffer.writeSSHString("a")
        buffer.writeInteger(UInt32(80))
        buffer.writeSSHString("b")
        buffer.writeInteger(UInt32(1))
      }
    case MessageNumber.channelOpenConfirmation:
      buffer.writeInteger(number())
      buffer.writeInteger(number())
      buffer.writeInteger(amount())
      buffer.writeInteger(amount())
    case MessageNumber.channelOpenFailure:
      buffer.writeInteger(number())
      buffer.writeInteger(number())
      buffer.writeSSHString(input.bytes(input.number(below: 8)))
    case MessageNumber.channelWindowAdjust:
      buffer.writeInteger(number())
      buffer.writeInteger(amount())
    case MessageNumber.channelData:
      buffer.writeInteger(number())
      buffer.writeSSHString(Array(repeating: UInt8(1), count: Int(amount() % 700)))
    case MessageNumber.channelExtendedData:
      buffer.writeInteger(number())
      buffer.writeInteger(number())
      buffer.writeSSHString(Array(repeating: UInt8(1), count: Int(amount() % 700)))
    case MessageNumber.channelRequest:
      let types = [
        "pty-req", "shell", "exec", "env", "window-change", "signal", "eow@openssh.com", "exit-status", "exit-signal",
        "subsystem", "winadj@putty.projects.tartarus.org",
      ]
      buffer.writeInteger(number())
      buffer.writeSSHString(types[input.number(below: types.count)])
      buffer.writeSSHBoolean(input.bool())
      buffer.writeBytes(input.bytes(input.number(below: 40)))
    default:
      buffer.writeInteger(number())
    }
    return buffer.bytes
  }

  /// What the owner does of its own accord.
  private static func owner(
    _ choice: UInt8, _ input: inout FuzzInput, _ server: inout Endpoint, _ owned: inout [ChannelID],
    _ tokens: inout [ReplyToken]
  ) {
    switch choice % 10 {
    case 0:
      let open = ChannelOpen.forwardedTCPIP(
        connectedHost: "a", connectedPort: 443, originatorHost: "127.0.0.1", originatorPort: 1)
      if let id = server.machine.openChannel(open, &server.transport) { owned.append(id) }
    case 1: Endpoint.now += UInt64(input.byte()) * 1_000_000
    case 2: Endpoint.now += UInt64(input.byte()) * 1_000_000_000
    case 3:
      if !tokens.isEmpty {
        let token = tokens.remove(at: input.number(below: tokens.count))
        server.machine.answer(token, success: input.bool(), port: 1, &server.transport)
      }
    default:
      guard !owned.isEmpty else { return }
      let id = owned[input.number(below: owned.count)]
      switch choice % 10 {
      case 4: server.machine.write(ByteBuffer(repeating: 2, count: input.number(below: 2000)), code: nil, to: id)
      case 5: server.machine.write(ByteBuffer(repeating: 3, count: input.number(below: 300)), code: 1, to: id)
      case 6: server.machine.finishWriting(id)
      case 7: server.machine.close(id, input.bool() ? .now : .afterQueued, &server.transport)
      case 8: server.machine.consumed(input.number(below: 2000), from: id, &server.transport)
      default: server.machine.sendRequest(.exitStatus(0), on: id, wantsReply: input.bool())
      }
    }
  }

  private static func take(
    _ event: SSHEvent, _ input: inout FuzzInput, _ server: inout Endpoint, _ owned: inout [ChannelID],
    _ tokens: inout [ReplyToken]
  ) {
    switch event {
    case .channelOpenRequested(let id, _):
      owned.append(id)
      if input.bool() {
        server.machine.accept(id, &server.transport)
      } else if input.bool() {
        server.machine.reject(id, .connectFailed, "no", &server.transport)
      }
    case .channelData(let id, let bytes), .channelExtendedData(let id, _, let bytes):
      if input.bool() { server.machine.consumed(bytes.readableBytes, from: id, &server.transport) }
    case .forwardRequested(_, let reply), .forwardCancelled(_, let reply), .channelRequest(_, _, let reply):
      if let reply { tokens.append(reply) }
    case .channelClosed(let id, _), .channelOpenFailed(let id, _, _):
      guard owned.contains(id) else { fatalError("\(id) ended twice, or never began") }
      owned.removeAll { $0 == id }
    default: break
    }
  }
}
