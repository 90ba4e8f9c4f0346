import EdgeCrypto
import Foundation
import Synchronization
import TestSupport
import Testing

/// The engine against OpenSSL's own command-line peers, over real sockets.
@Suite struct TLSPeerTests {
  private let fixture: TLSFixture

  init() throws { fixture = try TLSFixture.made.get() }

  private func connect(_ port: Int, _ options: [String]) throws -> String {
    try run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-verify_return_error", "-ign_eof"] + options)
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func theToolConnectsAndResumesOnlyForTheSameName(version: String) throws {
    let directory = try TemporaryDirectory()
    try directory.write(fixture.authority.certificatePEM, to: "ca.pem")
    let context = try fixture.server()
    let (port, _) = try serveTLS(context, connections: 4)
    let trust = ["-CAfile", directory.file("ca.pem"), version]
    let first = try connect(
      port, trust + ["-servername", "first.test", "-verify_hostname", "first.test", "-sess_out", directory.file("s")])
    #expect(first.contains("name=first.test resumed=false"))
    #expect(first.contains("Verification: OK"))
    let again = try connect(port, trust + ["-servername", "first.test", "-sess_in", directory.file("s")])
    #expect(again.contains("name=first.test resumed=true"))
    let other = try connect(port, trust + ["-servername", "a.tunnels.test", "-sess_in", directory.file("s")])
    #expect(other.contains("name=a.tunnels.test resumed=false"))
    let nobody = try connect(port, trust + ["-noservername", "-sess_in", directory.file("s")])
    #expect(nobody.contains("name=none resumed=false"))
  }

  @Test func ticketKeysChangeWithTime() throws {
    let directory = try TemporaryDirectory()
    let start = ContinuousClock.now
    let hours = Mutex(0)
    let keys = TicketKeys { start + .seconds(3600 * hours.withLock { $0 }) }
    func connect(at hour: Int, _ option: String) throws -> String {
      hours.withLock { $0 = hour }
      // A new context each time, as after a reload: the keys are the same.
      let (port, _) = try serveTLS(TLSServerContext(identities: [fixture.first], ticketKeys: keys), connections: 1)
      return try run(
        "openssl",
        [
          "s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof", "-servername", "first.test", option,
          directory.file("session"),
        ])
    }
    #expect(try connect(at: 0, "-sess_out").contains("resumed=false"))
    #expect(try connect(at: 1, "-sess_in").contains("resumed=true"))
    #expect(try connect(at: 3, "-sess_in").contains("resumed=true"))
    #expect(try connect(at: 5, "-sess_in").contains("resumed=false"))
  }

  @Test func oldVersionsAndWeakCiphersAreRefused() throws {
    let (port, _) = try serveTLS(try fixture.server(), connections: 3)
    for options in [
      ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
    ] {
      #expect(throws: ToolFailure.self) { try connect(port, options) }
    }
  }

  @Test func theEngineConnectsToTheTool() throws {
    let directory = try TemporaryDirectory()
    try directory.write(fixture.firstPEM.certificateChainPEM, to: "chain.pem")
    try directory.write(fixture.firstPEM.privateKeyPEM, to: "key.pem")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-alpn", "h2,http/1.1", "-www", "-cert",
      directory.file("chain.pem"), "-cert_chain", directory.file("chain.pem"), "-key", directory.file("key.pem"),
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    var printed = ""
    var port: Int?
    while port == nil {
      let bytes = output.fileHandleForReading.availableData
      if bytes.isEmpty { break }
      printed += String(decoding: bytes, as: UTF8.self)
      if let line = printed.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT") && printed.contains("\n") }) {
        port = line.split(separator: ":").last.flatMap { Int($0) }
      }
    }
    let socket = try LoopbackSocket(port: try #require(port))
    let side = TLSSide(try TLSEngine(fixture.client(alpn: ["http/1.1"]), serverName: "first.test"))
    side.send(Array("GET / HTTP/1.0\r\n\r\n".utf8))
    side.receive([])
    socket.write(side.takeOutbound())
    while side.status != .closedByPeer, let bytes = socket.read() {
      side.receive(bytes)
      socket.write(side.takeOutbound())
    }
    socket.close()
    #expect(side.status == .closedByPeer)
    #expect(side.engine.isHandshakeComplete)
    #expect(side.engine.alpn == "http/1.1")
    #expect(String(decoding: side.received, as: UTF8.self).hasPrefix("HTTP/1.0 200 ok"))
    #expect(side.engine.peerCertificate == fixture.first.leaf)
  }
}

/// Serves connections one after the other: answers each with its server name, whether it was resumed, and what the verifier
/// says of the client's certificate.
func serveTLS(
  _ context: TLSServerContext, connections: Int, verifier: ClientCertificateVerifier? = nil
) throws -> (port: Int, finished: Thread) {
  let listener = try LoopbackListener()
  let thread = Thread {
    for _ in 0..<connections {
      guard let socket = listener.accept() else { return }
      guard let engine = try? TLSEngine(context) else { return }
      let side = TLSSide(engine)
      while !engine.isHandshakeComplete, engine.failure == nil, let bytes = socket.read() {
        side.receive(bytes)
        socket.write(side.takeOutbound())
      }
      if engine.isHandshakeComplete {
        var told = "name=\(engine.serverName ?? "none") resumed=\(engine.isResumed)"
        if let verifier, let peer = engine.peerCertificates {
          told +=
            " \(peer.certificate?.subject.dropFirst(3) ?? "?") \(verifier.verify(peer, at: Int64(Date().timeIntervalSince1970)))"
            .replacing("valid(until: ", with: "valid ").replacing("invalid(\"", with: "")
        }
        side.send(Array((told + "\n").utf8))
        side.close()
        socket.write(side.takeOutbound())
      }
      // The tool sends its close_notify back.
      while let bytes = socket.read() { side.receive(bytes) }
      socket.close()
    }
  }
  thread.start()
  return (listener.port, thread)
}
