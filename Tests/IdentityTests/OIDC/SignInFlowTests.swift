import EdgeCrypto
import Policy
import Testing

@testable import Identity

@Suite struct SignInFlowTests {
  @Test func goesThroughTheWholeFlow() async throws {
    let harness = try await Harness()
    let start = try await harness.identity.beginSignIn(returnTo: .path("/.pomerium/?a=b"), cookies: [])
    let query = Dictionary(uniqueKeysWithValues: QueryString.parse(start.redirect.drop { $0 != "?" }.dropFirst()))
    #expect(start.redirect.hasPrefix("https://idp.example/auth?"))
    #expect(query["response_type"] == "code")
    #expect(query["client_id"] == "edge")
    #expect(query["redirect_uri"] == "https://auth.example.test/oauth2/callback")
    #expect(query["scope"] == "openid profile email offline_access")
    #expect(query["code_challenge_method"] == "S256")
    #expect(query["code_challenge"]?.count == 43)
    #expect(start.cookie.name.hasPrefix("__Host-_pomerium_attempt_"))
    #expect(start.cookie.maxAge == SignInAttempt.cookieLifetime)
    // The browser cannot read what only we and the provider may know.
    #expect(!start.cookie.value.contains(query["nonce"] ?? ""))

    let finish = try await harness.identity.finishSignIn(
      query: harness.provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)])
    #expect(finish.returnTo == .path("/.pomerium/?a=b"))
    #expect(finish.clearCookie == start.cookie.name)
    let subject = finish.session.subject
    #expect(subject.userID == "alice-1")
    #expect(subject.issuer == "https://idp.example")
    #expect(subject.email == "alice@example.test")
    #expect(subject.emailIsTrusted)
    #expect(subject.groups == ["staff", "web"])
    #expect(subject.name == "Alice")
    #expect(subject.claims["nonce"] == nil)
    #expect(finish.session.expiresAt == harness.clock.now.adding(seconds: 14 * 3600))
    #expect(harness.identity.session(id: finish.session.id) == finish.session)

    let request = try #require(harness.provider.requests(to: "/token").first)
    #expect(
      request.headers.contains { $0 == ("Authorization", "Basic \(Base64.encode(Array("edge:s3cret%3A%2B".utf8)))") })
  }

  @Test func takesSeveralTabsAtOnce() async throws {
    let harness = try await Harness()
    var cookies: [(String, String)] = []
    var redirects: [String] = []
    for tab in 1...3 {
      let start = try await harness.identity.beginSignIn(returnTo: .path("/\(tab)"), cookies: cookies)
      cookies.append((start.cookie.name, start.cookie.value))
      redirects.append(start.redirect)
      #expect(start.clearCookies.isEmpty)
    }
    for tab in [2, 3, 1] {
      let query = harness.provider.authorize(redirects[tab - 1])
      let finish = try await harness.identity.finishSignIn(query: query, cookies: cookies)
      #expect(finish.returnTo == .path("/\(tab)"))
    }
  }

  @Test func clearsTheOldestAttemptsOfABrowser() async throws {
    let harness = try await Harness()
    var cookies: [(String, String)] = [("__Host-_pomerium_attempt_junk", "junk"), ("other", "x")]
    var cleared: [String] = []
    for _ in 0..<9 {
      harness.clock.advance(seconds: 1)
      let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: cookies)
      cleared = start.clearCookies
      cookies.removeAll { cleared.contains($0.0) }
      cookies.append((start.cookie.name, start.cookie.value))
      #expect(cookies.count <= SignInAttempt.maximumPerBrowser + 1)
    }
    #expect(cleared.count == 1)
  }

  @Test func refusesAnotherBrowsersState() async throws {
    let harness = try await Harness()
    let mine = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let theirs = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let query = harness.provider.authorize(theirs.redirect)
    for cookies in [[], [(mine.cookie.name, mine.cookie.value)], [(theirs.cookie.name, mine.cookie.value)]] {
      let error = await #expect(throws: IdentityError.self) {
        try await harness.identity.finishSignIn(query: query, cookies: cookies)
      }
      #expect(error?.kind == .wrongBrowser)
    }
    // Two cookies of our name: one of them is not ours.
    let twice = [(theirs.cookie.name, "x"), (theirs.cookie.name, theirs.cookie.value)]
    let error = await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(query: query, cookies: twice)
    }
    #expect(error?.kind == .wrongBrowser)
    #expect(harness.provider.requests(to: "/token").isEmpty)
  }

  @Test func refusesACodeOfAnotherSignIn() async throws {
    let harness = try await Harness()
    let mine = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let theirs = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let injected = harness.provider.authorize(theirs.redirect).filter { $0.0 == "code" }
    let query = injected + harness.provider.authorize(mine.redirect).filter { $0.0 == "state" }
    let error = await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(query: query, cookies: [(mine.cookie.name, mine.cookie.value)])
    }
    #expect(error?.kind == .expired)
  }

  @Test func refusesAStateTwiceAndAnOldOne() async throws {
    let harness = try await Harness()
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let cookies = [(start.cookie.name, start.cookie.value)]
    _ = try await harness.identity.finishSignIn(
      query: harness.provider.authorize(start.redirect), cookies: cookies)
    var error = await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(query: harness.provider.authorize(start.redirect), cookies: cookies)
    }
    #expect(error?.kind == .expired)
    let late = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    harness.clock.advance(seconds: 600)
    error = await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(
        query: harness.provider.authorize(late.redirect), cookies: [(late.cookie.name, late.cookie.value)])
    }
    #expect(error?.kind == .expired)
  }

  @Test func refusesMalformedCallbacks() async throws {
    let harness = try await Harness()
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let cookies = [(start.cookie.name, start.cookie.value)]
    let state = try #require(harness.provider.authorize(start.redirect).first { $0.0 == "state" })
    let queries: [[(String, String)]] = [
      [], [("error", "access_denied")], [("code", "x")], [state], [state, ("code", "")],
      [state, state, ("code", "x")], [state, ("code", "x"), ("code", "y")],
      [state, ("code", "x"), ("iss", "https://idp.example"), ("iss", "https://idp.example")],
      [state, ("error", "access_denied"), ("error", "server_error")],
      [state, ("error", "access_denied"), ("error_description", "a"), ("error_description", "b")],
    ]
    for query in queries {
      let error = await #expect(throws: IdentityError.self) {
        try await harness.identity.finishSignIn(query: query, cookies: cookies)
      }
      #expect(error?.kind == .badRequest)
    }
    let denied = await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(query: [state, ("error", "access_denied")], cookies: cookies)
    }
    #expect(denied?.kind == .providerRefused)
    #expect(denied?.status == 403)
  }

  @Test func checksTheIssuerOfTheCallback() async throws {
    let harness = try await Harness()
    for (advertised, issuer, isGood) in [
      (true, nil, false), (true, "https://evil.example", false), (true, "https://idp.example", true),
      (false, "https://evil.example", false), (false, "https://idp.example", true), (false, nil, true),
    ] as [(Bool, String?, Bool)] {
      let harness = advertised ? try await Harness() : harness
      harness.provider.change { $0.discovery["authorization_response_iss_parameter_supported"] = .bool(advertised) }
      let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
      let query = harness.provider.authorize(start.redirect) + (issuer.map { [("iss", $0)] } ?? [])
      let cookies = [(start.cookie.name, start.cookie.value)]
      if isGood {
        _ = try await harness.identity.finishSignIn(query: query, cookies: cookies)
      } else {
        let error = await #expect(throws: IdentityError.self) {
          try await harness.identity.finishSignIn(query: query, cookies: cookies)
        }
        #expect(error?.kind == .tokenRefused)
      }
    }
  }

  @Test(arguments: ["//evil.example", "https://evil.example", "/\\evil.example", "", "x", "/a b", "/\r\n"])
  func returnsToThisHostOnly(_ path: String) async throws {
    let harness = try await Harness()
    let error = await #expect(throws: IdentityError.self) {
      try await harness.identity.beginSignIn(returnTo: .path(path), cookies: [])
    }
    #expect(error?.kind == .badRequest)
  }

  @Test func sendsCredentialsInTheFormWhereOnlyThatIsOffered() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.discovery["token_endpoint_auth_methods_supported"] = .list([.string("client_secret_post")])
    }
    _ = try await harness.signIn()
    let request = try #require(harness.provider.requests(to: "/token").first)
    #expect(!request.headers.contains { $0.name == "Authorization" })
    #expect(
      QueryString.parse(String(decoding: request.body, as: UTF8.self)).contains { $0 == ("client_secret", "s3cret:+") })
  }

  @Test func addsItsOwnParametersButNeverReplacesOurs() async throws {
    let harness = try await Harness { $0.provider.requestParameters = [("prompt", "login"), ("state", "evil")] }
    harness.provider.change { $0.discovery["authorization_endpoint"] = .string("https://idp.example/auth?tenant=1") }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    #expect(start.redirect.hasPrefix("https://idp.example/auth?tenant=1&response_type=code"))
    let query = QueryString.parse(start.redirect.drop { $0 != "?" }.dropFirst())
    #expect(query.filter { $0.0 == "state" }.map(\.1).contains("evil") == false)
    #expect(query.contains { $0 == ("prompt", "login") })
  }
}
