import EdgeCrypto
import FuzzDriver
import NIOCore

@testable import SSHProtocol

// The SSH transport. The first byte chooses:
//   0 an identification, in splits; 1 plain packets, in splits; 2 packets under a cipher, some changed on the way;
//   3 two KEXINITs and what follows from them; 4 a whole connection from its first byte; 5 one with a right KEXINIT before.
// Whatever the bytes are: no trap, no endless loop, and the same outcome however the bytes were split.

@_cdecl("FuzzSSHTransport_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    switch input.byte() % 6 {
    case 0: identification(&input)
    case 1: plainPackets(&input)
    case 2: sealedPackets(&input)
    case 3: negotiation(&input)
    case 4: connection(&input, prefix: [])
    default: connection(&input, prefix: Fixture.opening)
    }
  }
}

private func same(_ left: String, _ right: String) {
  guard left == right else { fatalError("one way: \(left)\nthe other: \(right)") }
}

// MARK: Identification

private func identification(_ input: inout FuzzInput) {
  let role: SSHRole = input.bool() ? .server : .client
  let pattern = input.bytes(input.number(below: 8))
  let bytes = input.remaining
  same(identified([bytes], role), identified(FuzzInput.split(bytes, by: pattern), role))
}

private func identified(_ pieces: [[UInt8]], _ role: SSHRole) -> String {
  var reader = IdentificationReader(role: role, limits: SSHLimits())
  var rest = ByteBuffer()
  do throws(SSHError) {
    for (index, piece) in pieces.enumerated() {
      rest = ByteBuffer(bytes: piece)
      if let line = try reader.read(&rest) {
        guard line.line.utf8.count <= SSHLimits().identificationLine else { fatalError("too long: \(line)") }
        return "\(line.line) and \(rest.bytes + pieces[(index + 1)...].joined())"
      }
    }
    return "not yet"
  } catch {
    return error.description
  }
}

// MARK: Packets

private func plainPackets(_ input: inout FuzzInput) {
  let pattern = input.bytes(input.number(below: 8))
  let bytes = input.remaining
  same(packets([bytes], .none), packets(FuzzInput.split(bytes, by: pattern), .none))
}

/// The payloads in order, and how it ended.
private func packets(_ pieces: [[UInt8]], _ protection: PacketProtection) -> String {
  var (payloads, error) = opened(pieces, protection)
  payloads.append(Array((error ?? "").utf8))
  return "\(payloads)"
}

private func opened(_ pieces: [[UInt8]], _ protection: PacketProtection) -> ([[UInt8]], String?) {
  var reader = PacketReader(maximumLength: 35_000)
  reader.changeKeys(to: protection, resetsSequence: true)
  var payloads: [[UInt8]] = []
  do throws(SSHError) {
    for piece in pieces {
      var read = ByteBuffer(bytes: piece)
      while let packet = try reader.next(&read) {
        let payload = packet.payload(in: read, copied: true).bytes
        guard payload.first == packet.number else { fatalError("number \(packet.number) of \(payload)") }
        payloads.append(payload)
      }
    }
    return (payloads, nil)
  } catch {
    return (payloads, error.description)
  }
}

private func sealedPackets(_ input: inout FuzzInput) {
  let ciphers = CipherAlgorithm.allCases
  let cipher = ciphers[input.number(below: ciphers.count)]
  let macs = MACAlgorithm.allCases
  let mac = cipher.isAuthenticated ? nil : macs[input.number(below: macs.count)]
  let edits = input.bytes(input.number(below: 7))
  let pattern = input.bytes(input.number(below: 8))
  let payloads = input.pieces().filter { !$0.isEmpty }
  guard let seal = Fixture.protection(cipher, mac, .seal), let open = Fixture.protection(cipher, mac, .open),
    let openAgain = Fixture.protection(cipher, mac, .open)
  else { fatalError("no cipher \(cipher)") }
  var writer = PacketWriter()
  writer.changeKeys(to: seal, resetsSequence: true)
  var sealed: [UInt8] = []
  var ends: [Int] = []
  for payload in payloads {
    do throws(SSHError) {
      try writer.write(payloadEstimate: payload.count) { $0.writeBytes(payload) }
    } catch {
      fatalError("\(error)")
    }
    while let bytes = writer.take() { sealed += bytes.bytes }
    ends.append(sealed.count)
  }
  let sent = FuzzInput.changed(sealed, by: edits)
  let (atOnce, error) = opened([sent], open)
  let (split, errorOfSplit) = opened(FuzzInput.split(sent, by: pattern), openAgain)
  same("\(atOnce) \(error ?? "")", "\(split) \(errorOfSplit ?? "")")
  // What comes out is what went in, up to the first packet that somebody changed; that one, never.
  let changed = zip(sealed, sent).enumerated().first { $0.element.0 != $0.element.1 }?.offset
  let whole = changed.map { position in ends.prefix { $0 <= position }.count } ?? payloads.count
  guard atOnce == Array(payloads.prefix(whole)) else { fatalError("\(cipher) \(whole): \(atOnce) of \(payloads)") }
  if changed == nil, error != nil { fatalError("\(cipher): \(error ?? "")") }
}

// MARK: Negotiation

private func negotiation(_ input: inout FuzzInput) {
  let isRaw = input.bool()
  let first = isRaw ? ByteBuffer(bytes: input.piece()) : written(&input)
  let second = isRaw ? ByteBuffer(bytes: input.piece()) : written(&input)
  do throws(SSHError) {
    let client = try KeyExchangeInitMessage(payload: first, limits: SSHLimits())
    let server = try KeyExchangeInitMessage(payload: second, limits: SSHLimits())
    for message in [client, server] {
      var buffer = ByteBuffer()
      message.write(into: &buffer)
      let again = try KeyExchangeInitMessage(payload: buffer, limits: SSHLimits())
      same("\(again)", "\(message)")
    }
    let expected = ReferenceNegotiation.choice(client, server)
    do throws(SSHError) {
      let chosen = try AlgorithmNegotiation.choose(client: client, server: server)
      let names = [
        chosen.keyExchange.name, chosen.hostKey.name, chosen.cipherToServer.name, chosen.cipherToClient.name,
        chosen.macToServer?.name ?? "", chosen.macToClient?.name ?? "",
      ]
      same("\(names)", "\(expected ?? [])")
    } catch {
      guard error.text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { fatalError(error.text) }
      if let expected { fatalError("refused \(expected): \(error)") }
    }
    _ = AlgorithmNegotiation.guessedRight(client: client, server: server)
  } catch {
    return
  }
}

/// A KEXINIT out of names that mean something.
private func written(_ input: inout FuzzInput) -> ByteBuffer {
  func list(_ names: [String]) -> [String] {
    (0..<input.number(below: 6)).map { _ in names[input.number(below: names.count)] }
  }
  let markers = Array(AlgorithmNegotiation.markers)
  let ciphers = CipherAlgorithm.allCases.map(\.name) + ["none", "3des-cbc"]
  let macs = MACAlgorithm.allCases.map(\.name) + ["none", "hmac-sha1"]
  var message = KeyExchangeInitMessage(
    cookie: Array(repeating: 1, count: KeyExchangeInitMessage.cookieLength),
    keyExchange: list(KeyExchangeMethod.allCases.map(\.name) + markers + ["x"]),
    hostKey: list(SSHSignatureAlgorithm.allCases.map(\.name) + ["ssh-rsa"]), encryptionToServer: list(ciphers),
    encryptionToClient: list(ciphers), macToServer: list(macs), macToClient: list(macs),
    compressionToServer: list(["none", "none", "none", "zlib"]), compressionToClient: list(["none", "none", "zlib"]))
  message.firstPacketFollows = input.bool()
  var buffer = ByteBuffer()
  message.write(into: &buffer)
  return buffer
}

/// RFC 4253 section 7.1 once more, in the plainest words.
private enum ReferenceNegotiation {
  static func choice(_ client: KeyExchangeInitMessage, _ server: KeyExchangeInitMessage) -> [String]? {
    func first(_ left: [String], _ right: [String], _ known: [String]) -> String? {
      left.first { right.contains($0) && known.contains($0) }
    }
    let hostKeys = client.hostKey.filter { SSHKeyAlgorithm(rawValue: $0) != nil }
    let ciphers = CipherAlgorithm.allCases.map(\.name)
    let macs = MACAlgorithm.allCases.map(\.name)
    guard let method = first(client.keyExchange, server.keyExchange, KeyExchangeMethod.allCases.map(\.name)),
      let hostKey = first(client.hostKey, server.hostKey, hostKeys),
      let toServer = first(client.encryptionToServer, server.encryptionToServer, ciphers),
      let toClient = first(client.encryptionToClient, server.encryptionToClient, ciphers),
      client.compressionToServer.contains("none"), server.compressionToServer.contains("none"),
      client.compressionToClient.contains("none"), server.compressionToClient.contains("none")
    else { return nil }
    var chosen = [method, hostKey, toServer, toClient]
    for (cipher, theirs, ours) in [
      (toServer, client.macToServer, server.macToServer), (toClient, client.macToClient, server.macToClient),
    ] {
      if cipher.contains("gcm") || cipher.contains("poly1305") {
        chosen.append("")
      } else if let mac = first(theirs, ours, macs) {
        chosen.append(mac)
      } else {
        return nil
      }
    }
    return chosen
  }
}

// MARK: Connections

private func connection(_ input: inout FuzzInput, prefix: [UInt8]) {
  let pattern = input.bytes(input.number(below: 8))
  let bytes = prefix + input.remaining
  same(course([bytes]), course(FuzzInput.split(bytes, by: pattern)))
}

/// What a server makes of it: events, and the error.
private func course(_ pieces: [[UInt8]]) -> String {
  var connection = SSHConnection(Fixture.server)
  connection.start()
  var seen: [String] = []
  do throws(SSHError) {
    for piece in pieces {
      try connection.receive(ByteBuffer(bytes: piece))
      while let event = try connection.nextEvent() {
        switch event {
        case .peerDisconnected(let reason, let text): seen.append("disconnect \(reason) \(text)")
        // Lost when the packet behind it, in the same read, ends the connection anyway.
        case .keysEstablished: break
        default: fatalError("out of plain bytes came \(event)")
        }
      }
      while connection.takeOutbound() != nil {}
    }
  } catch {
    // Our half of an exchange is fresh each time: what the bytes after it open to is chance, and so is what is wrong with them.
    seen.append(connection.transport.sessionID.isEmpty ? error.description : "an end under keys")
    connection.disconnect(error)
  }
  // By the same chance they may be the beginning of a long packet, of which the rest is waited for.
  if !connection.transport.sessionID.isEmpty, seen.last != "an end under keys" { seen.append("an end under keys") }
  while connection.takeOutbound() != nil {}
  connection.transportClosed()
  return seen.joined(separator: "; ")
}
