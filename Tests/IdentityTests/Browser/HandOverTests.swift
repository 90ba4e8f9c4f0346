import EdgeCrypto
import Policy
import Testing

@testable import Identity

@Suite struct HandOverTests {
  func query(_ url: String) -> [(String, String)] { QueryString.parse(url.drop { $0 != "?" }.dropFirst()) }

  @Test func carriesASessionToARouteHost() async throws {
    let harness = try await Harness()
    let identity = harness.identity
    let nonce = identity.makeNonce()
    let url = identity.signInURL(returnURL: "https://app.example.test:8443/a?b=c&d", nonce: nonce)
    #expect(url.hasPrefix("https://auth.example.test/.pomerium/sign_in?pomerium_redirect_uri="))
    #expect(!url.contains(nonce))
    let request = try identity.verifySignInRequest(query: query(url))
    #expect(request.host == "app.example.test")
    #expect(request.returnURL == "https://app.example.test:8443/a?b=c&d")
    let finish = try await harness.signIn(returnTo: .request(request))
    #expect(finish.returnTo == .request(request))

    let callback = try identity.callbackURL(session: finish.session, request: request)
    #expect(callback.hasPrefix("https://app.example.test:8443/.pomerium/callback/?code="))
    let code = try #require(query(callback).first?.1)
    let handOver = try #require(identity.redeem(code: code, host: "app.example.test", nonce: nonce))
    #expect(handOver == HandOver(session: finish.session, returnURL: request.returnURL))
    #expect(identity.cookieValue(for: handOver.session, host: "app.example.test") != nil)
    #expect(identity.redeem(code: code, host: "app.example.test", nonce: nonce) == nil)
  }

  @Test func takesACodeOnlyFromItsBrowserOnItsHostInTime() async throws {
    let harness = try await Harness()
    let identity = harness.identity
    let session = try await harness.session()
    let nonce = identity.makeNonce()
    let request = try identity.verifySignInRequest(
      query: query(identity.signInURL(returnURL: "https://app.example.test/", nonce: nonce)))
    func code() throws -> String {
      try #require(query(try identity.callbackURL(session: session, request: request)).first?.1)
    }
    #expect(identity.redeem(code: try code(), host: "app.example.test", nonce: identity.makeNonce()) == nil)
    #expect(identity.redeem(code: try code(), host: "app.example.test", nonce: "") == nil)
    #expect(identity.redeem(code: try code(), host: "evil.example.test", nonce: nonce) == nil)
    #expect(identity.redeem(code: "x", host: "app.example.test", nonce: nonce) == nil)
    // A wrong try uses the code up.
    let spent = try code()
    #expect(identity.redeem(code: spent, host: "evil.example.test", nonce: nonce) == nil)
    #expect(identity.redeem(code: spent, host: "app.example.test", nonce: nonce) == nil)
    let late = try code()
    harness.clock.advance(seconds: 60)
    #expect(identity.redeem(code: late, host: "app.example.test", nonce: nonce) == nil)
    let ended = try code()
    await identity.signOut(sessionID: session.id)
    #expect(identity.redeem(code: ended, host: "app.example.test", nonce: nonce) == nil)
    #expect(throws: IdentityError.self) { try identity.callbackURL(session: session, request: request) }
  }

  @Test func refusesEveryAlteredRequest() async throws {
    let harness = try await Harness()
    let good = query(harness.identity.signInURL(returnURL: "https://app.example.test/", nonce: "n"))
    #expect(throws: Never.self) { try harness.identity.verifySignInRequest(query: good) }
    for index in good.indices {
      var query = good
      query[index].1 += "0"
      #expect(throws: IdentityError.self) { try harness.identity.verifySignInRequest(query: query) }
      query = good
      query.remove(at: index)
      #expect(throws: IdentityError.self) { try harness.identity.verifySignInRequest(query: query) }
      query = good + [good[index]]
      #expect(throws: IdentityError.self) { try harness.identity.verifySignInRequest(query: query) }
    }
    let other = try await Harness { $0.sharedSecret = [UInt8](repeating: 9, count: 32) }
    #expect(throws: IdentityError.self) { try other.identity.verifySignInRequest(query: good) }
    harness.clock.advance(seconds: 300)
    let error = #expect(throws: IdentityError.self) { try harness.identity.verifySignInRequest(query: good) }
    #expect(error?.kind == .expired)
  }

  @Test(arguments: [
    "javascript:alert(1)", "http://app.example.test/", "https://", "https://user@app.example.test/",
    "https://app.example.test\\@evil/", "//evil",
    "https://app.example.test:0/", "https://app.example.test:99999/", "ftp://app.example.test/", "https://a b/",
    "https://app.example.test/\n", "https://é.example/", "https://..example/",
  ]) func neverSignsAReturnToNowhere(_ url: String) async throws {
    let harness = try await Harness()
    #expect(harness.identity.signInURL(returnURL: url, nonce: "n") == "https://auth.example.test/.pomerium/sign_in")
  }

  @Test func shortensAReturnThatNoCookieHolds() async throws {
    let harness = try await Harness()
    for (long, short) in [
      ("https://app.example.test/a?" + String(repeating: "q", count: 3000), "https://app.example.test/a"),
      ("https://app.example.test/" + String(repeating: "p", count: 3000), "https://app.example.test/"),
    ] {
      let url = harness.identity.signInURL(returnURL: long, nonce: "n")
      let request = try harness.identity.verifySignInRequest(query: query(url))
      #expect(request.returnURL == short)
    }
    let longest = "https://app.example.test/?" + String(repeating: "q", count: 1974)
    let request = try harness.identity.verifySignInRequest(
      query: query(harness.identity.signInURL(returnURL: longest, nonce: "n")))
    #expect(request.returnURL == longest)
    let start = try await harness.identity.beginSignIn(returnTo: .request(request), cookies: [])
    #expect(start.cookie.name.utf8.count + start.cookie.value.utf8.count < 4000)
  }

  @Test func boundsTheCodesOfASession() throws {
    var codes = HandOverCodes()
    let now = UnixTime(seconds: 1_700_000_000)
    let hash = SignInRequest.hash(nonce: "n")
    let request = try #require(SignInRequest(returnURL: "https://app.example.test/", nonceHash: hash))
    for second in 0..<100 {
      _ = codes.issue(
        request, sessionID: "s", now: now.adding(seconds: Int64(second) / 10), random: SecureRandom.source)
    }
    #expect(codes.count == HandOverCodes.limitPerSession)
    for number in 0..<(HandOverCodes.limit + 10) {
      _ = codes.issue(request, sessionID: "s\(number / 32)", now: now, random: SecureRandom.source)
      if codes.count >= HandOverCodes.limit { break }
    }
    #expect(codes.issue(request, sessionID: "late", now: now, random: SecureRandom.source) == nil)
    #expect(codes.issue(request, sessionID: "late", now: now.adding(seconds: 61), random: SecureRandom.source) != nil)
  }
}

@Suite struct QueryStringTests {
  @Test func decodesWhatBrowsersSend() {
    let pairs = QueryString.parse("a=1&b=%2F+x&c&=d&e=%zz%4&a=2&&f=%C3%A9")
    #expect(pairs.map(\.0) == ["a", "b", "c", "", "e", "a", "f"])
    #expect(pairs.map(\.1) == ["1", "/ x", "", "d", "%zz%4", "2", "é"])
    #expect(QueryString.encode([("a b", "é&=")]) == "a%20b=%C3%A9%26%3D")
  }
}
