import FuzzDriver

@testable import EdgeCrypto

// Everything that reads foreign bytes behind the door to OpenSSL. The first byte chooses what reads the rest:
//   0 key files as text, and one with changes; 1 an OpenSSH key with changes; 2 an OpenSSH key; 3 a certificate with changes; 4 a TLS server;
//   5 a TLS server and a real hello with changes; 6 a TLS client and a real answer with changes; 7 packets; 8 small readers;
//   9 public keys and key exchanges.
// Whatever the bytes are: no trap, no endless loop. "With changes" takes the input as edits: position (2 bytes), value.

@_cdecl("FuzzCrypto_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { input in
    guard let reader = input.first else { return }
    do { try feed(Array(input.dropFirst()), to: reader % 10) } catch {}
  }
}

private func feed(_ bytes: [UInt8], to reader: UInt8) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  switch reader {
  case 0:
    _ = try? PrivateKey(text: text)
    _ = try PrivateKey(text: String(decoding: FuzzInput.changed(Fixture.keyText.get(), by: bytes), as: UTF8.self))
  case 1: _ = try OpenSSHKeyFile(FuzzInput.changed(Fixture.keyFile.get(), by: bytes))
  case 2: _ = try OpenSSHKeyFile(bytes)
  case 3: _ = try Certificate(der: FuzzInput.changed(Fixture.identity.get().leaf.der, by: bytes))
  case 4: answer(of: try TLSEngine(Fixture.server.get()), to: bytes)
  case 5: answer(of: try TLSEngine(Fixture.server.get()), to: FuzzInput.changed(try Fixture.hello(), by: bytes))
  case 6:
    let client = try TLSEngine(Fixture.client.get(), serverName: "a.test")
    let hello = answer(of: client, to: [])
    answer(of: client, to: FuzzInput.changed(answer(of: try TLSEngine(Fixture.server.get()), to: hello), by: bytes))
  case 7: try openPackets(bytes)
  case 8:
    _ = TLSServerContext.hostName(inExtension: bytes)
    _ = try Fixture.server.get().preferredProtocol(in: bytes)
    _ = ECDSASignature(der: bytes)
    _ = Base64.decode(text)
    _ = Base64.decodeURL(text)
    _ = Base64.decodeLenient(text)
    _ = Hex.decode(text)
    _ = SealedBox.open(key: [UInt8](repeating: 1, count: 32), bytes)
    _ = try PublicKey(pem: text)
  default:
    _ = try? PublicKey(.rsa(modulus: bytes, exponent: [1, 0, 1]))
    _ = try? PublicKey(.ed25519(bytes))
    for curve in Curve.allCases { _ = try? PublicKey(.ecdsa(curve, point: bytes)) }
    _ = try? X25519().sharedSecret(with: bytes)
    _ = try? FiniteFieldDH(.group14).sharedSecret(with: bytes)
    _ = try? MLKEM768.encapsulate(to: bytes)
    let edwards = try PublicKey(.ed25519([UInt8](repeating: 3, count: 32)))
    _ = edwards.verify(bytes, over: bytes, algorithm: .ed25519)
  }
}

private enum Fixture {
  // Time does not matter: the client of the fuzzer trusts everybody.
  static let authority = Result { try CertificateAuthority.make(commonName: "fuzz", now: 1_900_000_000) }
  static let identity = Result {
    let pem = try authority.get().issue(names: ["a.test", "*.b.test"], now: 1_900_000_000)
    return try TLSIdentity(certificateChainPEM: pem.certificateChainPEM, privateKeyPEM: pem.privateKeyPEM)
  }
  static let server = Result {
    try TLSServerContext(identities: [identity.get(), identity.get()], alpn: ["h2", "http/1.1"])
  }
  static let client = Result { try TLSClientContext(verification: .none, alpn: ["h2"]) }
  static let keyText = Result { Array(try PrivateKey.generate(.ecdsa(.p256)).openSSHPEM().utf8) }
  static let keyFile = Result {
    PEMBlock.all(in: String(decoding: try keyText.get(), as: UTF8.self)).first?.bytes ?? []
  }

  static func hello() throws -> [UInt8] { answer(of: try TLSEngine(client.get(), serverName: "a.test"), to: []) }
}

/// What an engine says to these bytes.
@discardableResult
private func answer(of engine: TLSEngine, to bytes: [UInt8]) -> [UInt8] {
  var records: [UInt8] = []
  var rest = bytes[...]
  for round in 0... {
    if round > 100_000 { fatalError("the engine does not come to an end") }
    var output = [UInt8](repeating: 0, count: 300)
    var plaintext = [UInt8](repeating: 0, count: 64)
    let progress = rest.withUnsafeBytes { input in
      output.withUnsafeMutableBytes { output in
        plaintext.withUnsafeMutableBytes { engine.receive(input, output: output, plaintext: $0) }
      }
    }
    records += output[..<progress.produced]
    rest = rest.dropFirst(progress.consumed)
    while engine.pendingOutput > 0 {
      let drained = output.withUnsafeMutableBytes { engine.drain($0) }
      records += output[..<drained]
    }
    if progress.status != .plaintextFull { break }
  }
  return records
}

private func openPackets(_ bytes: [UInt8]) throws {
  let (key, mac) = (SecretBytes([UInt8](repeating: 1, count: 16)), SecretBytes([UInt8](repeating: 1, count: 32)))
  var packet = bytes
  let gcm = try AESGCMPacketCipher(key: key, nonce: key.part(count: 12), direction: .open)
  packet.withUnsafeMutableBytes { _ = try? gcm.open($0) }
  let chaCha = try ChaChaPolyPacketCipher(key: SecretBytes(joining: [mac, mac]), direction: .open)
  packet.withUnsafeMutableBytes {
    _ = try? chaCha.length(UnsafeRawBufferPointer($0), sequence: 1)
    _ = try? chaCha.open($0, sequence: 1)
  }
  for encryptThenMAC in [true, false] {
    let ctr = try AESCTRPacketCipher(
      key: key, iv: key, mac: .hmacSHA256, macKey: mac, encryptThenMAC: encryptThenMAC, direction: .open)
    packet.withUnsafeMutableBytes {
      _ = try? ctr.openFirstBlock($0)
      _ = try? ctr.open($0, sequence: 1)
    }
  }
}
