import Foundation
import TestSupport
import Testing

@testable import EmbeddedProvider

@Suite struct CodeFlowTests {
  @Test func aWholeSignInEndsInTokens() async throws {
    let fixture = try ProviderFixture()
    let begun = try await fixture.begin()
    let form = await fixture.ask(
      "GET", "/auth/local/login", query: "state=\(begun.id)", headers: [("cookie", begun.cookie)])
    #expect(form.status == 200)
    #expect(form.text.contains("name=\"login\"") && form.text.contains("name=\"password\""))
    #expect(form.text.contains("alice@example.com"))
    let back = await fixture.submit(begun)
    #expect(back.status == 303)
    let location = try #require(back.header("location"))
    #expect(location.hasPrefix(ProviderFixture.redirect + "?code="))
    #expect(location.hasSuffix("&state=st4te"))

    let code = try #require(FormFields(String(location.split(separator: "?")[1]))["code"])
    let tokens = await fixture.redeem(code)
    #expect(tokens.status == 200)
    let identity = claims(try #require(tokens.member("id_token")))
    #expect(identity["iss"] as? String == "http://localhost:5556/dex")
    #expect(identity["aud"] as? String == "pomerium")
    #expect(identity["nonce"] as? String == "n0nce")
    #expect(identity["email"] as? String == "alice@example.com")
    #expect(identity["email_verified"] as? Bool == true)
    #expect(identity["name"] as? String == "Alice")
    #expect(identity["groups"] == nil)

    let person = await fixture.ask(
      "GET", "/userinfo", headers: [("authorization", "Bearer \(tokens.member("access_token") ?? "")")])
    #expect(person.status == 200)
    #expect(person.member("sub") == identity["sub"] as? String)
    let wrongKind = await fixture.ask(
      "GET", "/userinfo", headers: [("authorization", "Bearer \(tokens.member("id_token") ?? "")")])
    #expect(wrongKind.status == 401)
  }

  @Test func wrongPasswordsGetTheFormAgain() async throws {
    let fixture = try ProviderFixture()
    let begun = try await fixture.begin()
    let wrong = await fixture.submit(begun, password: "bob-password")
    #expect(wrong.status == 401)
    #expect(wrong.text.contains("is not right"))
    let unknown = await fixture.submit(begun, login: "<b>@example.com", password: "x")
    #expect(unknown.status == 401)
    #expect(unknown.text.contains("&lt;b&gt;@example.com") && !unknown.text.contains("<b>"))
    #expect(await fixture.submit(begun).status == 303)
  }

  @Test func aFormOfAnotherBrowserOrPageIsRefused() async throws {
    let fixture = try ProviderFixture()
    let begun = try await fixture.begin()
    #expect(await fixture.submit((begun.id, "provider_x=1")).status == 400)
    #expect(await fixture.submit(begun, headers: [("origin", "https://evil.example")]).status == 403)
    #expect(await fixture.submit(begun, headers: [("origin", "null")]).status == 403)
    #expect(await fixture.submit(begun, headers: [("origin", "http://localhost:5556")]).status == 303)
    #expect(await fixture.submit(begun).status == 400, "a finished sign-in is over")
  }

  @Test func aCodeWorksOnce() async throws {
    let fixture = try ProviderFixture()
    let code = try await fixture.code()
    let first = await fixture.redeem(code)
    #expect(first.status == 200)
    let second = await fixture.redeem(code)
    #expect(second.status == 400 && second.member("error") == "invalid_grant")
    let refreshed = await fixture.refresh(first.member("refresh_token") ?? "")
    #expect(refreshed.status == 400, "what came of a code that was used twice is void")
  }

  @Test func aCodeNeedsItsVerifierAddressAndClient() async throws {
    let fixture = try ProviderFixture()
    for changes: [String: String?] in [
      ["code_verifier": String(repeating: "x", count: 43)], ["code_verifier": nil],
      ["redirect_uri": "https://evil.example/"],
      ["client_id": "other", "client_secret": "other-secret"],
    ] {
      let answer = await fixture.redeem(try await fixture.code(), changes)
      #expect(answer.status == 400 && answer.member("error") == "invalid_grant")
    }
    let late = try await fixture.code()
    fixture.clock.advance(seconds: 61)
    #expect(await fixture.redeem(late).status == 400)
  }

  @Test func aWrongTryUsesTheCodeUp() async throws {
    let fixture = try ProviderFixture()
    let code = try await fixture.code()
    #expect(await fixture.redeem(code, ["code_verifier": String(repeating: "x", count: 43)]).status == 400)
    #expect(await fixture.redeem(code).status == 400)
  }

  @Test func clientsProveThemselvesOneWay() async throws {
    let fixture = try ProviderFixture()
    let basic = ("authorization", "Basic " + Data("pomerium:pomerium-client-secret".utf8).base64EncodedString())
    let none: [String: String?] = ["client_id": nil, "client_secret": nil]
    #expect(await fixture.redeem(try await fixture.code(), none, headers: [basic]).status == 200)
    #expect(await fixture.redeem(try await fixture.code(), [:], headers: [basic]).status == 401, "both ways at once")
    let wrong = await fixture.redeem(try await fixture.code(), ["client_secret": "guess"])
    #expect(wrong.status == 401 && wrong.member("error") == "invalid_client")
  }

  @Test func unregisteredAddressesAreNeverRedirectedTo() async throws {
    let fixture = try ProviderFixture()
    for changes: [String: String?] in [
      ["redirect_uri": "https://evil.example/"], ["redirect_uri": ProviderFixture.redirect + "/../x"],
      ["client_id": "nobody"], ["redirect_uri": nil],
    ] {
      let answer = await fixture.ask("GET", "/auth", query: ProviderFixture.authorizeQuery(changes))
      #expect(answer.status == 400 && answer.header("location") == nil)
    }
  }

  @Test(arguments: [
    ("response_type", "token", "unsupported_response_type"), ("scope", "email", "invalid_scope"),
    ("scope", "openid nonsense", "invalid_scope"), ("code_challenge_method", "plain", "invalid_request"),
    ("code_challenge", "short", "invalid_request"), ("request", "x", "request_not_supported"),
  ])
  func otherMistakesGoBackToTheClient(name: String, value: String, error: String) async throws {
    let fixture = try ProviderFixture()
    let answer = await fixture.ask("GET", "/auth", query: ProviderFixture.authorizeQuery([name: value]))
    let location = try #require(answer.header("location"))
    #expect(location.hasPrefix(ProviderFixture.redirect + "?error=\(error)&"))
    #expect(location.hasSuffix("&state=st4te"))
  }

  @Test func refreshTokensRotateAsThoseOfDex() async throws {
    let fixture = try ProviderFixture()
    let tokens = await fixture.redeem(try await fixture.code())
    let first = try #require(tokens.member("refresh_token"))
    #expect(await fixture.refresh(first).member("refresh_token") == first, "within the reuse interval nothing changes")
    fixture.clock.advance(seconds: 60)
    let rotated = await fixture.refresh(first)
    let second = try #require(rotated.member("refresh_token"))
    #expect(second != first)
    #expect(claims(rotated.member("id_token") ?? "")["nonce"] as? String == "n0nce")
    let late = await fixture.refresh(first)
    #expect(late.status == 200 && late.member("refresh_token") != first, "the old one lives the interval longer")
    fixture.clock.advance(seconds: 60)
    #expect(await fixture.refresh(first).status == 400)
    #expect(await fixture.refresh(second).status == 200, "and the new one goes on working")
    fixture.clock.advance(seconds: 7201)
    #expect(await fixture.refresh(second).status == 400)
  }

  @Test func refreshTokensOutliveARestart() async throws {
    let directory = try TemporaryDirectory()
    let before = try ProviderFixture(directory: directory)
    let token = try #require(await before.redeem(try await before.code()).member("refresh_token"))
    before.clock.advance(seconds: 60)
    let after = try ProviderFixture(directory: directory, clock: before.clock)
    let refreshed = await after.refresh(token)
    #expect(refreshed.status == 200)
    #expect(claims(refreshed.member("id_token") ?? "")["name"] as? String == "Alice")
    after.clock.advance(seconds: 60)
    #expect(await after.refresh(token).status == 400, "it was rotated since")
    let elsewhere = try ProviderFixture(clock: before.clock)
    #expect(await elsewhere.refresh(token).status == 400, "another state directory, another secret")
  }

  @Test func thereIsNoRefreshTokenWithoutItsScope() async throws {
    let fixture = try ProviderFixture()
    let tokens = await fixture.redeem(try await fixture.code(["scope": "openid"]))
    #expect(tokens.status == 200)
    #expect(tokens.member("refresh_token") == nil)
    #expect(claims(tokens.member("id_token") ?? "")["email"] == nil)
  }

  @Test func approvalIsAskedForWhereTheFileWantsIt() async throws {
    let fixture = try ProviderFixture(approval: false)
    let begun = try await fixture.begin()
    let skipped = await fixture.ask(
      "POST", "/approval", form: "state=\(begun.id)&approval=approve", headers: [("cookie", begun.cookie)])
    #expect(skipped.status == 400, "no approval without a password")
    let answer = await fixture.submit(begun)
    #expect(answer.header("location") == "/dex/approval?state=\(begun.id)")
    let page = await fixture.ask("GET", "/approval", query: "state=\(begun.id)", headers: [("cookie", begun.cookie)])
    #expect(page.text.contains("alice@example.com"))
    let denied = await fixture.ask(
      "POST", "/approval", form: "state=\(begun.id)&approval=rejected", headers: [("cookie", begun.cookie)])
    #expect(denied.header("location")?.contains("error=access_denied") == true)
  }

  @Test func otherHostNamesAreNotAnswered() async throws {
    let fixture = try ProviderFixture()
    let answer = await fixture.service.respond(
      to: ProviderRequest(
        method: "GET", path: "/dex/keys", query: FormFields(""), headers: [("host", "evil.example:5556")], body: []))
    #expect(answer.status == 421)
  }
}
