import EdgeCrypto
import NIOCore
import Synchronization
import Testing

@testable import SSHProtocol

/// User certificates on their way through a sign-in.
@Suite("signing in with a certificate")
struct CertificateLoginTests {
  /// A server whose time of day can be set, and which believes in blocks that are compared as text.
  private final class Bench {
    let now = Mutex<UInt64>(1500)
    let pair: ConnectionPair

    init(ident: String = "TestClient_1.0", address: String? = "192.0.2.1", offload: Bool = false) {
      let now = Shared()
      clock = now
      pair = ConnectionPair(
        server: {
          $0.certificates = CertificateSurroundings(
            now: { now.value.withLock { $0 } },
            isWithin: { address, blocks in blocks.contains(address + "/32") })
          $0.authentication.failureDelay = 0
        }, client: { $0.softwareVersion = ident })
      pair.automatic = false
      if let address { pair.server.noteSource(address) }
      pair.start()
      pair.client.requestService()
      pair.run()
    }

    final class Shared: Sendable { let value = Mutex<UInt64>(1500) }
    let clock: Shared

    /// Offers a certificate, signed or as a question; with `algorithm` under another name than its first.
    func offer(
      _ fixture: CertificateFixture, signed: Bool = true, algorithm: String? = nil,
      signature: SSHSignatureAlgorithm? = nil, signer: PrivateKey? = nil, hostBound: [UInt8]? = nil
    ) throws {
      let plain = signature ?? SSHSignatureAlgorithm.algorithms(for: fixture.key.publicKey.type)[0]
      var payload = ByteBuffer()
      let method =
        hostBound == nil
        ? AuthenticationRequestMessage.publicKeyName : AuthenticationRequestMessage.hostBoundName
      AuthenticationRequestMessage.write(username: "alice", method: method, into: &payload)
      payload.writeSSHBoolean(signed)
      payload.writeSSHString(algorithm ?? SSHKeyAlgorithm.certified(plain).name)
      payload.writeSSHString(fixture.blob)
      if let hostBound { payload.writeSSHString(hostBound) }
      if signed {
        let message = PublicKeyProof.message(payload.bytes, pair.server.transport.sessionID)
        payload.writeSSHString(try (signer ?? fixture.key).sshSignature(message, algorithm: plain))
      }
      pair.inject(payload.bytes)
      for bytes in pair.takeClient() { pair.feedServer(bytes) }
      pair.passServerTime()
    }

    var login: ProvenLogin? {
      for case .login(let login) in pair.serverEvents.reversed() { return login }
      return nil
    }

    var refusals: [String] {
      pair.serverEvents.compactMap { if case .certificateRefused(let reason) = $0 { reason } else { nil } }
    }
  }

  @Test("the identity is the plain key, with what the certificate takes")
  func identity() throws {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      let bench = Bench()
      try bench.offer(CertificateFixture(key: key, extensions: [("permit-pty", [])]))
      let login = try #require(bench.login)
      #expect(login.key == SSHPublicKey(key.publicKey))
      let terms = try #require(login.proof.terms)
      #expect(terms.permitsTerminal && !terms.permitsForwarding)
      #expect(terms.keyID == "alice")
    }
  }

  @Test("a question is answered with the certificate as it came; nothing is proved by it")
  func question() throws {
    let bench = Bench()
    try bench.offer(CertificateFixture(), signed: false)
    #expect(bench.pair.serverError == nil)
    #expect(bench.login == nil)
    var accepted = false
    for bytes in bench.pair.takeServer() where bytes.readableBytes > CertificateFixture().blob.count { accepted = true }
    #expect(accepted)
  }

  @Test("what is refused, and that a plain key still leads on")
  func refusals() throws {
    let bench = Bench()
    var forged = CertificateFixture()
    forged.authorityBlob = SSHPublicKey(Fixtures.p256.publicKey).blob
    try bench.offer(forged)
    try bench.offer(CertificateFixture(kind: 2))
    try bench.offer(CertificateFixture(critical: [("force-command", CertificateFixture.text("true"))]))
    try bench.offer(CertificateFixture(), algorithm: "ssh-ed25519")
    #expect(bench.login == nil)
    #expect(
      bench.refusals == [
        "its authority's signature is wrong, or of a kind that is not accepted", "it is a host's certificate",
        "it forces a command, and no commands are run here",
      ])
    bench.pair.client.authenticate(username: "alice", method: .publicKey(Fixtures.ed25519))
    bench.pair.run()
    #expect(bench.login?.proof.terms == nil)
    #expect(bench.login != nil)

    let stranger = Bench()
    try stranger.offer(CertificateFixture(), signer: Fixtures.otherED25519)
    #expect(stranger.login == nil)
    #expect(stranger.pair.serverError == nil)
  }

  @Test("without the time of day no certificate is taken")
  func noSurroundings() throws {
    let pair = ConnectionPair()
    pair.automatic = false
    pair.start()
    let terms = try? CertificateTerms(of: CertificateFixture().certificate(), from: nil, nil)
    #expect(terms == nil)
  }

  /// x/crypto CVE-2026-39828, CVE-2026-46595, CVE-2026-56854.
  @Test("the source address holds on every path, and the certificate until SUCCESS")
  func untilTheEnd() throws {
    let bound = CertificateFixture(critical: [("source-address", CertificateFixture.text("192.0.2.1/32"))])
    for hostBound in [false, true] {
      for address in ["192.0.2.2", nil] {
        let elsewhere = Bench(address: address)
        let blob = hostBound ? SSHPublicKey(Fixtures.ed25519.publicKey).blob : nil
        try elsewhere.offer(bound, hostBound: blob)
        try elsewhere.offer(bound, signed: false, hostBound: blob)
        #expect(elsewhere.login == nil)
        #expect(elsewhere.refusals.count == 2)
      }
      let here = Bench()
      try here.offer(bound, hostBound: hostBound ? SSHPublicKey(Fixtures.ed25519.publicKey).blob : nil)
      #expect(here.login != nil)
    }

    // Expired while the browser was waited for: at SUCCESS it is looked at again.
    for prompted in [false, true] {
      let bench = Bench()
      try bench.offer(CertificateFixture())
      let login = try #require(bench.login)
      if prompted {
        #expect(bench.pair.requireSignIn(login.attempt, prompt: InteractivePrompt(name: "n", instruction: "i")))
        bench.pair.run()
        bench.pair.client.authenticate(username: "alice", method: .keyboardInteractive)
        bench.pair.run()
        bench.pair.client.answerPrompt([])
        bench.pair.run()
      }
      bench.clock.value.withLock { $0 = 2000 }
      _ = bench.pair.acceptLogin(login.attempt)
      bench.pair.drainServer()
      #expect(bench.pair.serverError?.kind == .authentication)
      #expect(bench.pair.serverError?.text == "Your certificate is not accepted: it has expired.")
      #expect(!bench.pair.isSignedIn)
    }
  }

  @Test("restrictions of the first step hold after keyboard-interactive")
  func partial() throws {
    let bench = Bench()
    try bench.offer(CertificateFixture(extensions: []))
    let login = try #require(bench.login)
    _ = bench.pair.requireSignIn(login.attempt, prompt: InteractivePrompt(name: "n", instruction: "i"))
    bench.pair.run()
    bench.pair.client.authenticate(username: "alice", method: .keyboardInteractive)
    bench.pair.run()
    bench.pair.client.answerPrompt([])
    bench.pair.run()
    _ = bench.pair.acceptLogin(login.attempt)
    bench.pair.automatic = true
    bench.pair.drainServer()
    bench.pair.run()
    #expect(bench.pair.isSignedIn)
    let id = try #require(bench.pair.openByClient(.session))
    bench.pair.run()
    let terminal = PTYRequest(terminal: "xterm", size: TerminalSize(columns: 80, rows: 24))
    bench.pair.client.sendChannelRequest(.pty(terminal), on: id, wantsReply: true)
    bench.pair.client.sendChannelRequest(.shell, on: id, wantsReply: true)
    bench.pair.run()
    let answers = bench.pair.clientEvents.compactMap { event -> Bool? in
      if case .channelRequestAnswered(_, let success) = event { success } else { nil }
    }
    #expect(answers == [false, true])
    #expect(!bench.pair.serverEvents.contains { if case .channelRequest(_, .pty, _) = $0 { true } else { false } })
  }

  @Test("an RSA certificate under its old name, from the OpenSSH versions that do so")
  func oldName() throws {
    let fixture = CertificateFixture(key: Fixtures.rsa)
    for (ident, isTaken) in [
      ("OpenSSH_7.2p2", true), ("OpenSSH_7.7", true), ("OpenSSH_6.9p1", true), ("OpenSSH_7.8", false),
      ("OpenSSH_9.2p1", false), ("OpenSSH_10.0p1", false), ("OpenSSH_", false), ("PuTTY_Release_0.70", false),
    ] {
      for signature in [SSHSignatureAlgorithm.rsaSHA256, .rsaSHA512] {
        let bench = Bench(ident: ident)
        try bench.offer(fixture, algorithm: "ssh-rsa-cert-v01@openssh.com", signature: signature)
        #expect((bench.login != nil) == isTaken, "\(ident)")
        if isTaken { #expect(bench.login?.proof.algorithm == .certified(signature)) }
      }
    }
  }

  @Test("signature checks are bounded, an authority's counts as well")
  func budget() throws {
    let bench = Bench()
    for _ in 0..<6 where bench.pair.serverError == nil {
      try bench.offer(CertificateFixture(), signer: Fixtures.otherED25519)
    }
    #expect(bench.pair.serverError?.reason == .noMoreAuthenticationMethods)
  }
}
