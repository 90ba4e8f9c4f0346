import EdgeCrypto
import Foundation
import TestSupport
import Testing

@Suite struct ClientCertificateTests {
  private let authority: Authority
  private let fixture: TLSFixture

  init() throws {
    authority = try Authority.made.get()
    fixture = try TLSFixture.made.get()
  }

  private func verifier(
    _ roots: String = "root", crl: String? = nil, depth: Int = 1, rules: [ClientCertificateVerifier.NameRule] = []
  ) throws -> ClientCertificateVerifier {
    try ClientCertificateVerifier(
      authorities: authority.text("\(roots).pem"), revocations: crl.map { authority.text($0) }, nameRules: rules,
      maximumDepth: depth)
  }

  /// A handshake in which the client shows a certificate, or none.
  private func pair(_ client: String?, _ verifier: ClientCertificateVerifier, required: Bool = false) throws -> TLSPair
  {
    let identity = try client.map { try authority.identity($0 == "bob" ? "bob-chain" : $0, key: $0) }
    let client = try TLSClientContext(trust: .pem(fixture.authority.certificatePEM), identity: identity)
    let server = try TLSServerContext(
      identities: [fixture.first], clients: .init(verifier: verifier, isRequired: required))
    let pair = try TLSPair(client, server, name: "first.test")
    pair.run()
    return pair
  }

  private func verdict(
    _ client: String, _ verifier: ClientCertificateVerifier, after seconds: Int64 = 0
  ) throws -> String {
    let peer = try #require(try pair(client, verifier).server.engine.peerCertificates)
    switch verifier.verify(peer, at: authority.madeAt + 5 + seconds) {
    case .valid: return "valid"
    case .invalid(let why): return why
    }
  }

  @Test func authoritiesVouch() throws {
    let plain = try verifier()
    #expect(try verdict("alice", plain) == "valid")
    #expect(try verdict("stranger", plain) == "unable to get local issuer certificate")
    #expect(try verdict("server", plain) == "unsuitable certificate purpose")
    #expect(try verdict("alice", plain, after: 40 * 86_400) == "certificate has expired")
    // Trust need not reach up to a root.
    #expect(try verdict("bob", verifier("middle")) == "valid")
  }

  @Test func chainsHaveALength() throws {
    #expect(try verdict("bob", verifier(depth: 1)) == "2 authorities above it, 1 are allowed")
    #expect(try verdict("bob", verifier(depth: 2)) == "valid")
    #expect(try verdict("bob", verifier(depth: 0)) == "valid")
  }

  @Test func whatIsRevokedIsRefused() throws {
    let lists = try verifier(crl: "root.crl", depth: 0)
    #expect(try verdict("mallory", verifier()) == "valid")
    #expect(try verdict("mallory", lists) == "certificate revoked")
    #expect(try verdict("alice", lists) == "valid")
    // The authority between has no list of its own.
    #expect(try verdict("bob", lists) == "valid")
    #expect(try verdict("alice", verifier(crl: "old.crl")) == "CRL has expired")
    #expect(try verifier(crl: "root.crl").listsEnd ?? 0 > TLSFixture.now)
    #expect(throws: CryptoError.self) { try verifier(crl: "root.pem") }
    #expect(throws: CryptoError.self) { try verifier("root.crl") }
  }

  @Test func oneOfTheNamesMustDo() throws {
    func rules(_ kind: ClientCertificateVerifier.NameRule.Kind, _ wanted: String) throws -> ClientCertificateVerifier {
      try verifier(rules: [.init(kind) { $0 == wanted }, .init(.ip) { _ in true }])
    }
    #expect(try verdict("alice", rules(.email, "alice@example.test")) == "valid")
    #expect(try verdict("alice", rules(.dns, "laptop.example.test")) == "valid")
    #expect(try verdict("alice", rules(.uri, "spiffe://example.test/alice")) == "valid")
    #expect(try verdict("alice", rules(.email, "bob@example.test")) == "none of its alternative names is allowed")
  }

  @Test func whoIsRequiredToShowOneFailsWithout() throws {
    let plain = try verifier()
    for (client, kind) in [(nil, TLSError.Kind.handshake), ("stranger", .handshake)] as [(String?, TLSError.Kind)] {
      let pair = try pair(client, plain, required: true)
      #expect(!pair.server.engine.isHandshakeComplete)
      #expect(pair.server.engine.failure?.kind == kind || pair.server.engine.failure?.kind == .certificate)
      #expect(pair.client.engine.failure?.kind == .alertFromPeer)
    }
    let good = try pair("alice", plain, required: true)
    #expect(good.server.engine.isHandshakeComplete && good.client.engine.isHandshakeComplete)
    let asked = try pair(nil, plain)
    #expect(asked.server.engine.isHandshakeComplete && asked.server.engine.peerCertificates == nil)
    let stranger = try pair("stranger", plain).server.engine.peerCertificates
    #expect(stranger?.certificate?.emailAddresses == ["alice@example.test"])
  }

  /// A pair of certificates for one name, and one for names that nobody has.
  @Test func theKindOfKeyFollowsTheClient() throws {
    let identities = [
      fixture.first, try authority.identity("server-chain", key: "server"), try authority.identity("rsa"),
    ]
    let unknown = try CertificateAuthority.catchAll(now: TLSFixture.now)
    let server = try TLSServerContext(identities: identities, unknown: unknown)
    let (port, _) = try serveTLS(server, connections: 5)
    func subject(_ options: [String]) throws -> String {
      let told = try run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof"] + options)
      return told.split(separator: "\n").first { $0.hasPrefix("subject=") }.map { String($0.dropFirst(8)) } ?? told
    }
    let rsa = ["-sigalgs", "rsa_pss_rsae_sha256"]
    #expect(try subject(["-servername", "pair.test"]) == "CN = server")
    #expect(try subject(["-servername", "pair.test"] + rsa) == "CN = rsa")
    #expect(
      try subject(["-servername", "pair.test", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]) == "CN = rsa")
    #expect(try subject(["-servername", "who.example"]) == "CN = *")
    #expect(try subject(["-noservername"]).hasPrefix("CN = first.test"))
  }

  @Test func staplesAreCheckedAndShown() throws {
    let good = authority.bytes("server.ocsp")
    let identity = try authority.identity("server-chain", key: "server", staple: good)
    #expect(identity.staple?.nextUpdate ?? 0 > TLSFixture.now)
    let (port, _) = try serveTLS(TLSServerContext(identities: [fixture.first, identity]), connections: 2)
    func told(_ name: String) throws -> String {
      try run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof", "-status", "-servername", name])
    }
    #expect(try told("pair.test").contains("Cert Status: good"))
    #expect(try told("first.test").contains("OCSP response: no response sent"))
    for (name, kind) in [
      ("mallory", CryptoError.Kind.certificate), ("alice", .certificate), ("server", .keyMismatch),
    ] {
      let response = authority.bytes("\(name).ocsp")
      let holder = name == "server" ? "alice" : name
      #expect(throws: CryptoError.self) { try authority.identity(holder, staple: response) }
      do { _ = try authority.identity(holder, staple: response) } catch let error as CryptoError {
        #expect(error.kind == kind, "\(name): \(error)")
      }
    }
    for bytes in [[], [0x30], Array("no response".utf8), good.dropLast(), good + [0]] as [[UInt8]] {
      #expect(throws: CryptoError.self) { try authority.identity("server-chain", key: "server", staple: bytes) }
    }
  }

  /// What was verified once is not taken for verified under other rules, and the chain survives in the ticket.
  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func resumptionKeepsTheCertificateAndItsRules(version: String) throws {
    let keys = TicketKeys()
    let directory = try TemporaryDirectory()
    for name in ["bob.pem", "bob.key", "middle.pem"] { try directory.write(authority.bytes(name), to: name) }
    let session = directory.file("session")
    func resume(_ verifier: ClientCertificateVerifier, _ option: String) throws -> String {
      let server = try TLSServerContext(
        identities: [fixture.first], clients: .init(verifier: verifier, isRequired: false), ticketKeys: keys)
      let (port, thread) = try serveTLS(server, connections: 1, verifier: verifier)
      defer { while !thread.isFinished { usleep(1000) } }
      return try run(
        "openssl",
        [
          "s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof", version, option, session, "-servername",
          "first.test",
          "-cert", directory.file("bob.pem"), "-key", directory.file("bob.key"),
          "-cert_chain", directory.file("middle.pem"),
        ])
    }
    let deep = try verifier(depth: 2)
    #expect(try resume(deep, "-sess_out").contains("resumed=false bob valid"))
    #expect(try resume(deep, "-sess_in").contains("resumed=true bob valid"))
    // The same rules in a new snapshot, as after a reload; then others.
    #expect(try resume(verifier(depth: 2), "-sess_in").contains("resumed=true bob valid"))
    #expect(try resume(verifier(depth: 1), "-sess_in").contains("resumed=false bob 2 authorities"))
    #expect(try resume(verifier(crl: "root.crl", depth: 2), "-sess_in").contains("resumed=false bob valid"))
  }
}
