import EdgeCrypto
import NIOCore

@testable import SSHProtocol

// What an ssh client may send, at three depths, because nothing that fuzzes finds its way through a key exchange:
//   first byte 0: bytes of a fresh connection (identification, key exchange);
//   1: messages of somebody who is signing in; 2: messages of somebody who is signed in, as if they came out of the cipher.
// Whatever they are: no trap, no endless loop, no memory without a bound. The machines end with an error value or go on.

@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

@_cdecl("FuzzSSHPackets_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, LLVMFuzzerTestOneInput)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@_cdecl("LLVMFuzzerTestOneInput")
func LLVMFuzzerTestOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  guard size > 1, let settings else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
  switch data[0] % 3 {
  case 0: connect(bytes, settings)
  case 1: signIn(messages(in: bytes), settings)
  default: use(messages(in: bytes), settings)
  }
  return 0
}

private let settings: SSHConfiguration? = {
  guard let key = try? PrivateKey.generate(.ed25519) else { return nil }
  var configuration = SSHConfiguration(role: .server)
  configuration.hostKeys = [key]
  // Time stands still, so that an input does the same each time.
  configuration.clock = { 1_000_000_000 }
  configuration.keepalive = nil
  return configuration
}()

/// Two bytes of length before each message.
private func messages(in bytes: [UInt8]) -> [[UInt8]] {
  var messages: [[UInt8]] = []
  var rest = bytes[...]
  while rest.count > 2 {
    let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
    rest = rest.dropFirst(2)
    let message = rest.prefix(max(1, length))
    messages.append(Array(message))
    rest = rest.dropFirst(message.count)
  }
  return messages
}

private func connect(_ bytes: [UInt8], _ settings: SSHConfiguration) {
  for pieces in [[bytes], bytes.map { [$0] }] {
    var connection = SSHConnection(settings)
    connection.start()
    var events = 0
    do throws(SSHError) {
      for piece in pieces {
        try connection.receive(ByteBuffer(bytes: piece))
        while try connection.nextEvent() != nil {
          events += 1
          if events > 10_000 { fatalError("events without an end") }
        }
        while connection.takeOutbound() != nil {}
      }
    } catch {
      connection.disconnect(error)
    }
    connection.transportClosed()
  }
}

private func signIn(_ messages: [[UInt8]], _ settings: SSHConfiguration) {
  var machine = AuthenticationMachine(settings, start: settings.clock())
  machine.begin(sessionID: Array(repeating: 7, count: 32), hostKey: [])
  do throws(SSHError) {
    for message in messages {
      try machine.receive(ByteBuffer(bytes: message), number: message[0])
      while machine.nextEvent() != nil {}
      while machine.nextOutgoing(now: settings.clock() + 10_000_000_000) != nil {}
    }
  } catch {
    return
  }
}

private func use(_ messages: [[UInt8]], _ settings: SSHConfiguration) {
  var transport = TransportMachine(settings)
  var machine = ConnectionMachine(settings, now: settings.clock())
  do throws(SSHError) {
    for message in messages {
      try machine.receive(
        ByteBuffer(bytes: message), number: message[0], sessionID: Array(repeating: 7, count: 32), transport: &transport
      )
      while let event = machine.events.popFirst() {
        answer(event, &machine, &transport)
      }
      try machine.sealQueued(limit: 128 * 1024, &transport)
    }
  } catch {
    machine.connectionLost()
  }
}

/// Answers as a server does that says yes to everything.
private func answer(_ event: SSHEvent, _ machine: inout ConnectionMachine, _ transport: inout TransportMachine) {
  switch event {
  case .channelOpenRequested(let id, _):
    machine.accept(id, &transport)
    machine.write(ByteBuffer(string: "welcome"), code: nil, to: id)
  case .channelData(let id, let bytes):
    machine.consumed(bytes.readableBytes, from: id, &transport)
  case .channelExtendedData(let id, _, let bytes):
    machine.consumed(bytes.readableBytes, from: id, &transport)
  case .forwardRequested(_, let reply), .forwardCancelled(_, let reply):
    if let reply { machine.answer(reply, success: true, port: nil, &transport) }
    _ = machine.openChannel(
      .forwardedTCPIP(connectedHost: "a", connectedPort: 443, originatorHost: "127.0.0.1", originatorPort: 1),
      &transport)
  case .channelRequest(_, _, let reply):
    if let reply { machine.answer(reply, success: true, port: nil, &transport) }
  default:
    break
  }
}
