import EdgeCrypto
import TestSupport
import Testing

@Suite struct CertificateTests {
  private let now: Int64 = 1_900_000_000

  @Test func theAuthorityIssuesWhatOpenSSLAccepts() throws {
    let directory = try TemporaryDirectory()
    let authority = try CertificateAuthority.make(commonName: "TunnelEdge demo CA", now: now)
    let leaf = try authority.issue(
      names: ["app.localhost", "*.Tunnels.localhost", "127.0.0.1", "::1"], days: 30, now: now)
    try directory.write(authority.certificatePEM, to: "ca.pem")
    try directory.write(leaf.certificateChainPEM, to: "leaf.pem")
    let verified = try run(
      "openssl",
      [
        "verify", "-x509_strict", "-purpose", "sslserver", "-attime", "\(now + 100)", "-verify_hostname",
        "x.tunnels.localhost", "-CAfile", directory.file("ca.pem"), directory.file("leaf.pem"),
      ])
    #expect(verified.contains("OK"))
    let certificate = try #require(try Certificate.chain(pem: leaf.certificateChainPEM).first)
    #expect(certificate.dnsNames == ["app.localhost", "*.tunnels.localhost"])
    #expect(certificate.ipAddresses == ["127.0.0.1", "::1"])
    #expect(certificate.subject == "CN=app.localhost")
    #expect(certificate.issuer == "CN=TunnelEdge demo CA")
    #expect(!certificate.isCA)
    #expect(!certificate.isSelfSigned)
    #expect(authority.certificate.isCA)
    #expect(authority.certificate.isSelfSigned)
    #expect(certificate.notBefore == now - 3600)
    #expect(certificate.notAfter == now - 3600 + 30 * 86_400)
    #expect(certificate.publicKey?.spkiSHA256 == certificate.spkiSHA256)
    #expect(try PublicKey(pem: certificate.pem()) == certificate.publicKey)
  }

  @Test func namesAreMatchedAsTheWebDoes() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    let leaf = try authority.issue(names: ["a.example.com", "*.b.example.com", "10.0.0.1"], now: now)
    let certificate = try #require(try Certificate.chain(pem: leaf.certificateChainPEM).first)
    for name in ["a.example.com", "A.Example.COM", "x.b.example.com", "10.0.0.1"] { #expect(certificate.covers(name)) }
    for name in ["b.example.com", "x.y.b.example.com", "example.com", ".b.example.com", "", "x.a.example.com"] {
      #expect(!certificate.covers(name))
    }
  }

  @Test func anAuthorityCanBeStoredAndUsedAgain() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    let again = try CertificateAuthority(
      certificatePEM: authority.certificatePEM, privateKeyPEM: authority.privateKeyPEM)
    let leaf = try again.issue(names: ["x.localhost"], days: 825, now: now)
    let identity = try TLSIdentity(
      certificateChainPEM: leaf.certificateChainPEM, privateKeyPEM: leaf.privateKeyPEM)
    #expect(identity.names == ["x.localhost"])
    #expect(identity.chain.count == 2)
    #expect(
      kind {
        try CertificateAuthority(
          certificatePEM: authority.certificatePEM,
          privateKeyPEM: CertificateAuthority.make(commonName: "Other", now: now).privateKeyPEM)
      } == .keyMismatch)
    #expect(
      kind {
        try CertificateAuthority(certificatePEM: leaf.certificateChainPEM, privateKeyPEM: leaf.privateKeyPEM)
      } == .keyMismatch)
  }

  @Test(arguments: [
    [], [""], ["a,DNS:evil.example"], ["a b"], ["*"], ["*.*.x"], ["a..b"], ["x\0y"], ["a/b"], ["\u{e4}.example"],
  ])
  func namesThatAreNoneAreRefused(names: [String]) throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    #expect(kind { try authority.issue(names: names, now: now) } == .certificate)
  }

  @Test func aLeafDoesNotLastTooLong() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    #expect(kind { try authority.issue(names: ["x"], days: 826, now: now) } == .certificate)
    #expect(kind { try authority.issue(names: ["x"], days: 0, now: now) } == .certificate)
  }

  @Test func aKeyOfAnotherCertificateIsRefused() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    let (a, b) = (try authority.issue(names: ["a"], now: now), try authority.issue(names: ["b"], now: now))
    #expect(
      kind {
        try TLSIdentity(certificateChainPEM: a.certificateChainPEM, privateKeyPEM: b.privateKeyPEM)
      } == .keyMismatch)
    #expect(kind { try TLSIdentity(certificateChainPEM: "", privateKeyPEM: b.privateKeyPEM) } == .certificate)
    #expect(kind { try TLSIdentity(certificateChainPEM: a.certificateChainPEM, privateKeyPEM: "") } == .malformed)
  }

  @Test func validityKnowsBothEnds() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    let leaf = try authority.issue(names: ["a"], days: 1, now: now)
    let identity = try TLSIdentity(
      certificateChainPEM: leaf.certificateChainPEM, privateKeyPEM: leaf.privateKeyPEM)
    #expect(identity.validity(at: now) == .valid(secondsLeft: 86_400 - 3600))
    #expect(identity.validity(at: now - 3601) == .notYetValid)
    #expect(identity.validity(at: now + 86_400) == .expired)
  }

  @Test func damagedCertificatesAreErrorsOrOtherCertificates() throws {
    let authority = try CertificateAuthority.make(commonName: "CA", now: now)
    let der = authority.certificate.der
    #expect(try Certificate(der: der) == authority.certificate)
    for count in 0..<der.count { #expect(kind { try Certificate(der: Array(der.prefix(count))) } == .certificate) }
    #expect(kind { try Certificate(der: der + [0]) } == .certificate)
    for index in der.indices {
      var damaged = der
      damaged[index] ^= 0x11
      _ = try? Certificate(der: damaged)
    }
  }
}
