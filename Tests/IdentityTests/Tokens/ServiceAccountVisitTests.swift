import EdgeCrypto
import Policy
import Testing

@testable import Identity

/// A service account's token: security rule 13, and nothing but its hash known to the edge.
struct ServiceAccountVisitTests {
  private let token = EdgeToken(.account, random: SecureRandom.source)
  private let now = UnixTime(seconds: 1_795_270_000)

  private func accounts(expiresAt: UnixTime? = nil, sources: [String] = []) -> ServiceAccounts {
    ServiceAccounts([
      ServiceAccount(
        name: "nightly", keys: [], expiresAt: expiresAt ?? now.adding(seconds: 3600),
        sources: sources.compactMap { AddressRange($0) }, hosts: ["app.example.test"], tokenHashes: [token.hash]),
      ServiceAccount(name: "other", keys: [], expiresAt: now.adding(seconds: 3600), hosts: ["b.example.test"]),
    ])
  }

  private func why(_ answer: BearerAnswer) -> String? {
    guard case .refused(let why) = answer else { return nil }
    return why
  }

  @Test func aTokenSpeaksForItsAccount() throws {
    let answer = accounts().visit(tokenHash: token.hash, host: "app.example.test", source: "192.0.2.1", at: now)
    guard case .admitted(let session) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(session.subject.serviceAccount == "nightly" && session.subject.email == nil)
    #expect(ServiceAccounts.isSession(session.id) && session.expiresAt == now.adding(seconds: 3600))
    #expect(accounts().visit(tokenHash: token.hash, host: "app.example.test", source: "192.0.2.1", at: now) == answer)
  }

  @Test func whereAndWhenAndWhatForApply() {
    let known = accounts(sources: ["192.0.2.0/24"])
    func ask(_ host: String, _ source: String, _ at: UnixTime) -> String? {
      why(known.visit(tokenHash: token.hash, host: host, source: source, at: at))
    }
    #expect(ask("app.example.test", "192.0.2.1", now) == nil)
    #expect(ask("b.example.test", "192.0.2.1", now)?.contains("is not for b.example.test") == true)
    #expect(ask("app.example.test", "198.51.100.1", now)?.contains("may not come from") == true)
    #expect(ask("app.example.test", "192.0.2.1", now.adding(seconds: 3600))?.contains("has expired") == true)
    let stranger = EdgeToken(.account, random: SecureRandom.source)
    #expect(
      why(known.visit(tokenHash: stranger.hash, host: "app.example.test", source: "192.0.2.1", at: now)) != nil)
  }

  @Test func aReloadIsFeltAtOnce() async throws {
    let harness = try await Harness()
    let visit = BearerVisit(host: "app.example.test", route: "https://app.example.test", source: "192.0.2.1")
    let account = ServiceAccount(
      name: "nightly", keys: [], expiresAt: harness.clock.source().adding(seconds: 3600), hosts: ["app.example.test"],
      tokenHashes: [token.hash])
    harness.identity.replace(serviceAccounts: ServiceAccounts([account]))
    guard case .admitted = harness.identity.bearer(token.text, for: visit) else {
      Issue.record("not let in")
      return
    }
    harness.identity.replace(serviceAccounts: ServiceAccounts([]))
    #expect(why(harness.identity.bearer(token.text, for: visit)) != nil)
    // A person's token of the same bits is another.
    let disguised = token.text.replacing("te_account_", with: "te_login_")
    #expect(why(harness.identity.bearer(disguised, for: visit)) != nil)
    #expect(harness.identity.bearer("eyJh.eyJz.c2ln", for: visit) == .notOurs)
  }
}
