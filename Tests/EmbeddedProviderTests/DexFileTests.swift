import Foundation
import TestSupport
import Testing

@testable import EmbeddedProvider

@Suite struct DexFileTests {
  private func read(_ text: String) throws -> ProviderConfiguration {
    try ProviderConfiguration(text: Array(text.utf8), name: "dex.yaml")
  }

  private func message(_ text: String) -> String {
    do {
      _ = try read(text)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func theFileOfTheRepositoryIsRead() throws {
    let configuration = try ProviderConfiguration(file: Checkout.root.appending(path: "dex/config.yaml").path())
    #expect(configuration.issuer.text == "http://localhost:5556/dex")
    #expect(configuration.users.map(\.email) == ["alice@example.com", "bob@example.com", "carol@example.com"])
    #expect(configuration.client(id: "pomerium")?.secret == "pomerium-client-secret")
    #expect(configuration.skipsApproval)
    for user in configuration.users {
      let name = user.email.prefix { $0 != "@" }
      #expect(Bcrypt.verifies("\(name)-password", hash: user.hash), "the password in the comment of \(user.email)")
    }
  }

  @Test func durationsAreThoseOfGo() {
    #expect(DexDuration.milliseconds("24h") == 86_400_000)
    #expect(DexDuration.milliseconds("1h30m") == 5_400_000)
    #expect(DexDuration.milliseconds("3s") == 3000)
    #expect(DexDuration.milliseconds("250ms") == 250)
    #expect(DexDuration.milliseconds("24") == nil)
    #expect(DexDuration.milliseconds("") == nil)
  }

  @Test func lifetimesAreRead() throws {
    let lifetimes = try read(ProviderFixture.file()).lifetimes
    #expect(lifetimes.idTokens == 600_000)
    #expect(lifetimes.authRequests == 300_000)
    #expect(lifetimes.refreshReuseInterval == 3000)
    #expect(lifetimes.refreshUnusedFor == 7_200_000)
  }

  @Test(arguments: [
    "http://0.0.0.0:5556/dex", "http://192.168.1.4:5556", "http://example.com/dex", "http://localhost.example.com:80",
    "http://127.0.0.1.example.com:80", "http://[::]:5556",
  ])
  func onlyLoopbackNamesAreServed(issuer: String) {
    #expect(throws: ProviderError.self) { try IssuerURL(issuer) }
  }

  @Test func loopbackNamesAreServed() throws {
    #expect(try IssuerURL("http://localhost:5556/dex").addresses == ["127.0.0.1", "::1"])
    #expect(try IssuerURL("http://idp.localhost:5556").addresses == ["127.0.0.1", "::1"])
    #expect(try IssuerURL("http://[::1]:5556/dex/").text == "http://[::1]:5556/dex")
  }

  @Test func mistakesHaveTheirPlace() {
    #expect(message("issuer: http://localhost:1\nenablePasswordDB: true\n").contains("staticClients"))
    #expect(message(ProviderFixture.file(extra: "connectors: [{type: ldap}]")).contains("dex.yaml:17:13: connectors"))
    #expect(
      message(ProviderFixture.file(extra: "- {email: x@y, hash: plain, userID: \"1\"}")).contains("no bcrypt hash"))
    #expect(message("issuer: [").contains("dex.yaml:"))
  }

  @Test func subjectsAreThoseOfDex() throws {
    let account = try #require(read(ProviderFixture.file()).account(email: "ALICE@example.com"))
    // As Dex v2.41 writes it for this user id and the connector `local`.
    #expect(
      Data(account.subject).base64EncodedString() == "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs")
  }
}
