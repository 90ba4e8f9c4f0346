import EdgeCrypto
import Foundation
import Testing

/// A certificate authority and what it issued, made once for all TLS tests.
struct TLSFixture {
  static let made = Result { try TLSFixture() }

  let authority: CertificateAuthority
  let first: TLSIdentity
  let exact: TLSIdentity
  let wildcard: TLSIdentity
  let firstPEM: (certificateChainPEM: String, privateKeyPEM: String)

  /// The engine checks certificates against the real clock.
  static let now = Int64(Date().timeIntervalSince1970)

  init() throws {
    let authority = try CertificateAuthority.make(commonName: "Test CA", now: Self.now)
    self.authority = authority
    func identity(_ names: [String]) throws -> (TLSIdentity, (certificateChainPEM: String, privateKeyPEM: String)) {
      let pem = try authority.issue(names: names, days: 30, now: TLSFixture.now)
      let identity = try TLSIdentity(
        certificateChainPEM: pem.certificateChainPEM, privateKeyPEM: pem.privateKeyPEM)
      return (identity, pem)
    }
    (first, firstPEM) = try identity(["first.test", "127.0.0.1"])
    exact = try identity(["a.tunnels.test"]).0
    wildcard = try identity(["*.tunnels.test"]).0
  }

  func server(alpn: [String] = [], minimum: TLSVersion = .v1_2) throws -> TLSServerContext {
    try TLSServerContext(identities: [first, exact, wildcard], alpn: alpn, minimum: minimum)
  }

  func client(
    alpn: [String] = [], verification: TLSClientContext.Verification = .full, minimum: TLSVersion = .v1_2
  ) throws -> TLSClientContext {
    try TLSClientContext(
      trust: .pem(authority.certificatePEM), verification: verification, alpn: alpn, minimum: minimum)
  }
}

/// One engine with what it said and what it understood.
final class TLSSide {
  let engine: TLSEngine
  var outbound: [UInt8] = []
  var received: [UInt8] = []
  var status = TLSStatus.needsInput
  let outputRoom: Int
  let plaintextRoom: Int

  init(_ engine: TLSEngine, outputRoom: Int = 4096, plaintextRoom: Int = 4096) {
    self.engine = engine
    self.outputRoom = outputRoom
    self.plaintextRoom = plaintextRoom
  }

  func receive(_ bytes: [UInt8]) {
    var input = bytes[...]
    repeat {
      var output = [UInt8](repeating: 0, count: outputRoom)
      var plaintext = [UInt8](repeating: 0, count: plaintextRoom)
      let progress = input.withUnsafeBytes { input in
        output.withUnsafeMutableBytes { output in
          plaintext.withUnsafeMutableBytes { engine.receive(input, output: output, plaintext: $0) }
        }
      }
      input = input.dropFirst(progress.consumed)
      outbound += output.prefix(progress.produced)
      received += plaintext.prefix(progress.plaintext)
      status = progress.status
      drain()
    } while status == .plaintextFull
  }

  func send(_ bytes: [UInt8], endOfFlush: Bool = true) {
    var output = [UInt8](repeating: 0, count: outputRoom)
    let produced = bytes.withUnsafeBytes { bytes in
      output.withUnsafeMutableBytes { engine.send(bytes, endOfFlush: endOfFlush, output: $0) }
    }
    outbound += output.prefix(produced)
    drain()
  }

  func close() {
    var output = [UInt8](repeating: 0, count: outputRoom)
    let produced = output.withUnsafeMutableBytes { engine.close($0) }
    outbound += output.prefix(produced)
    drain()
  }

  private func drain() {
    while engine.pendingOutput > 0 {
      var output = [UInt8](repeating: 0, count: max(outputRoom, 1))
      let produced = output.withUnsafeMutableBytes { engine.drain($0) }
      outbound += output.prefix(produced)
    }
  }

  func takeOutbound() -> [UInt8] {
    defer { outbound = [] }
    return outbound
  }
}

/// A client and a server with nothing between them but this.
struct TLSPair {
  let client: TLSSide
  let server: TLSSide

  init(
    _ clientContext: TLSClientContext, _ serverContext: TLSServerContext, name: String, outputRoom: Int = 4096,
    plaintextRoom: Int = 4096
  ) throws {
    client = TLSSide(
      try TLSEngine(clientContext, serverName: name), outputRoom: outputRoom, plaintextRoom: plaintextRoom)
    server = TLSSide(try TLSEngine(serverContext), outputRoom: outputRoom, plaintextRoom: plaintextRoom)
    client.receive([])
  }

  /// Carries bytes both ways, in pieces, until both are silent.
  func run(pieces: Int = .max) {
    var isMoving = true
    while isMoving {
      isMoving = false
      for (from, to) in [(client, server), (server, client)] {
        var bytes = from.takeOutbound()[...]
        while !bytes.isEmpty {
          isMoving = true
          let piece = Array(bytes.prefix(pieces))
          bytes = bytes.dropFirst(pieces)
          to.receive(piece)
        }
      }
    }
  }
}
