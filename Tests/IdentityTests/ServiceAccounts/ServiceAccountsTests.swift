import Identity
import Policy
import Testing

@Suite struct ServiceAccountsTests {
  private static let now = UnixTime(seconds: 1_800_000_000)
  private static let key: [UInt8] = [1]
  private static let authority: [UInt8] = [9]

  private var accounts: ServiceAccounts {
    get throws {
      ServiceAccounts([
        ServiceAccount(
          name: "ci", keys: [Self.key], expiresAt: Self.now.adding(seconds: 60),
          sources: [try #require(AddressRange("10.0.0.0/8"))], hosts: ["ci.example.com"]),
        ServiceAccount(
          name: "nightly", keys: [], authorities: [.init(key: Self.authority, principals: ["nightly", "night"])],
          expiresAt: Self.now.adding(seconds: 3600), hosts: ["night.example.com"]),
      ])
    }
  }

  private func certificate(_ principals: [String], authority: [UInt8] = Self.authority, for seconds: Int64 = 30)
    -> SSHCertificateShown
  {
    SSHCertificateShown(authority: authority, principals: principals, expiresAt: Self.now.adding(seconds: seconds))
  }

  private func admit(
    _ key: [UInt8], _ certificate: SSHCertificateShown? = nil, from source: String = "10.1.2.3",
    after seconds: Int64 = 0
  ) throws -> ServiceAccounts.Answer {
    try accounts.admit(key: key, certificate: certificate, source: source, at: Self.now.adding(seconds: seconds))
  }

  @Test func aListedKeyIsTheAccount() throws {
    guard case .admitted(let subject) = try admit(Self.key) else {
      Issue.record("not admitted")
      return
    }
    #expect(subject.serviceAccount == "ci")
    #expect(subject.displayName == "ci")
    #expect(subject.publishableHosts == ["ci.example.com"])
    #expect(subject.email == nil)
    #expect(subject.expiresAt == Self.now.adding(seconds: 60))
  }

  @Test func aKeyOfAnAccountIsNeverAPersonS() throws {
    for answer in [
      try admit(Self.key, after: 60), try admit(Self.key, from: "192.0.2.1"), try admit(Self.key, from: "?"),
    ] {
      guard case .refused = answer else {
        Issue.record("\(answer)")
        continue
      }
    }
    #expect(try admit([2]) == .notOne)
  }

  @Test func aCertificateNeedsOneOfThePrincipalsAndEnds() throws {
    #expect(try admit([5], certificate([])) == .notOne)
    #expect(try admit([5], certificate(["other"])) == .notOne)
    #expect(try admit([5], certificate(["night"], authority: [8])) == .notOne)
    #expect(try admit([5], certificate(["night"]), after: 30) == .notOne)
    guard case .admitted(let subject) = try admit([5], certificate(["x", "night"])) else {
      Issue.record("not admitted")
      return
    }
    #expect(subject.serviceAccount == "nightly")
    #expect(subject.expiresAt == Self.now.adding(seconds: 30))
  }

  @Test func aConnectionStaysOnlyAsWhatItCameAs() throws {
    guard case .admitted(let subject) = try admit(Self.key) else {
      Issue.record("not admitted")
      return
    }
    func again(_ session: String, after seconds: Int64 = 0) throws -> Subject? {
      try accounts.subject(
        sessionID: session, key: Self.key, certificate: nil, source: "10.1.2.3", at: Self.now.adding(seconds: seconds))
    }
    #expect(try again(subject.sessionID) == subject)
    #expect(try again(subject.sessionID, after: 60) == nil)
    #expect(try again("service-account:other") == nil)
    #expect(ServiceAccounts.isSession(subject.sessionID))
  }

  @Test func whatEndsSoonIsTold() throws {
    #expect(try accounts.warnings(at: Self.now).count == 2)
    #expect(try accounts.warnings(at: Self.now.adding(seconds: 60)).first?.contains("ci has expired") == true)
    #expect(try accounts.warnings(at: Self.now.adding(seconds: -30 * 86_400)).isEmpty)
  }
}
