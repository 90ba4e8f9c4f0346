import Policy
import Testing

@Suite struct ClientCertificateTests {
  private static let hex = String(repeating: "ab", count: 32)
  private static let colons = Array(repeating: "AB", count: 32).joined(separator: ":")
  private static let keyHash = "zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0="
  private static let shown = ClientCertificate(
    fingerprint: [UInt8](repeating: 0xab, count: 32), keyHash: [UInt8](repeating: 0xcd, count: 32),
    dnsNames: ["laptop.example.test"], emailAddresses: ["alice@example.test"], uris: ["spiffe://example.test/alice"])

  private static func decide(_ policy: String, _ certificate: ShownCertificate) throws -> Decision {
    try explain(policy, certificate).decision
  }

  private static func explain(_ policy: String, _ certificate: ShownCertificate) throws -> DecisionExplanation {
    try AccessPolicy(parsing: FlowText.parse(policy)).explain(
      AccessRequest(subject: nil, certificate: certificate, now: UnixTime(seconds: 1)))
  }

  @Test(arguments: [
    ("fingerprint: \(hex)", true), ("fingerprint: '\(colons)'", true), ("fingerprint: [\(hex)]", true),
    ("fingerprint: '\(String(repeating: "00", count: 32))'", false), ("spki_hash: '\(keyHash)'", true),
    ("san_dns: laptop.example.test", true), ("san_dns: {ends_with: .example.test}", true),
    ("san_dns: {ends_with: .other.test}", false), ("san_email: alice@example.test", true),
    ("san_email: Alice@example.test", false), ("san_uri: {starts_with: 'spiffe://example.test/'}", true),
    ("san_email: alice@example.test, san_dns: x", false),
  ])
  func matching(_ data: String, _ matches: Bool) throws {
    let explanation = try Self.explain("{allow: {and: [{client_certificate: {\(data)}}]}}", .valid(Self.shown))
    let decision = explanation.decision
    #expect(decision.isAllowed == matches)
    #expect(decision.dependsOnCertificate && !decision.dependsOnRequest)
    #expect(
      explanation.criteria.map(\.reason) == [
        matches ? "client-certificate-ok" : "client-certificate-unauthorized"
      ])
  }

  /// Anybody can write a certificate with somebody's name in it.
  @Test func `a certificate nobody vouches for never helps and still counts against its holder`() throws {
    let allows = "{allow: {and: [{client_certificate: {san_email: alice@example.test}}]}}"
    let denies =
      "[{allow: {and: [{accept: true}]}}, {deny: {or: [{client_certificate: {san_email: alice@example.test}}]}}]"
    let unless = "{allow: {not: [{client_certificate: {san_email: alice@example.test}}]}}"
    for (policy, valid, invalid, missing) in [
      (allows, true, false, false), (denies, false, false, true), (unless, false, false, true),
    ] {
      #expect(try Self.decide(policy, .valid(Self.shown)).isAllowed == valid)
      #expect(try Self.decide(policy, .invalid(Self.shown)).isAllowed == invalid)
      #expect(try Self.decide(policy, .missing).isAllowed == missing)
      #expect(try Self.decide(policy, .notAsked).isAllowed == missing)
    }
  }

  @Test func `an invalid certificate is a reason of its own, before any sign-in`() throws {
    let policy = "[{allow: {and: [{authenticated_user: true}]}}, {deny: {or: [{invalid_client_certificate: true}]}}]"
    let missing = try Self.decide(policy, .missing)
    #expect(missing.certificateFault == .required && !missing.needsSignIn && !missing.isAllowed)
    #expect(try Self.explain(policy, .missing).decidingReasons == ["client-certificate-required"])
    let invalid = try Self.decide(policy, .invalid(Self.shown))
    #expect(invalid.certificateFault == .invalid && !invalid.needsSignIn)
    for good in [ShownCertificate.valid(Self.shown), .notAsked] {
      let decision = try Self.decide(policy, good)
      #expect(decision.certificateFault == nil && decision.needsSignIn)
    }
  }

  @Test(arguments: [
    ("client_certificate: x", "expected what the certificate must have"),
    ("client_certificate: {fingerprint: abc}", "`abc` is no `fingerprint`"),
    ("client_certificate: {spki_hash: AAAA}", "`AAAA` is no `spki_hash`"),
    ("client_certificate: {san_ip: x}", "unknown operator `san_ip`"),
    ("invalid_client_certificate: false", "cannot be turned off"),
  ])
  func mistakes(_ criterion: String, _ message: String) {
    var parser = PolicyParser()
    _ = parser.parse(FlowText.parse("{allow: {and: [{\(criterion)}]}}"))
    #expect(parser.errors.count == 1)
    #expect(parser.errors.first?.message.contains(message) == true, "\(parser.errors)")
  }

  @Test func `policies that ask for certificates are known`() throws {
    let asks = try AccessPolicy(parsing: FlowText.parse("{deny: {or: [{invalid_client_certificate: true}]}}"))
    #expect(asks.asksForCertificates)
    #expect(!AccessPolicy.anyAuthenticatedUser.asksForCertificates)
  }
}
