import Policy
import Routing
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct AdmissionTests {
  /// Sends one request to an edge with one tunnel route and returns what came back.
  private func answer(
    _ request: String, policy: AccessPolicy = .anyAuthenticatedUser, isPublic: Bool = false, path: PathMatch = .any,
    http: (inout HTTPRouteSettings) -> Void = { _ in }
  ) async throws -> (answer: String, service: String) {
    let service = try await TestService()
    let route = try TestEdge.route(policy: policy, isPublic: isPublic, path: path, http: http)
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(request)
    let text = try await client.wait { text, closed in
      guard let head = text.place(of: "\r\n\r\n") else { return closed }
      return closed || !text[head.upperBound...].isEmpty
    }
    await edge.stop()
    return (text, service.lastHead)
  }

  private func status(_ request: String, path: PathMatch = .any) async throws -> String {
    String(try await answer(request, path: path).answer.dropFirst(9).prefix(3))
  }

  @Test func whoIsNotSignedInIsAskedTo() async throws {
    #expect(try await status(get(cookie: nil)) == "401")
    #expect(try await status(get(cookie: "nobody")) == "401")
    #expect(try await status(get()) == "200")
  }

  /// A session of another client of the identity provider counts for nothing, on public routes neither.
  @Test func aRouteWithAClientOfItsOwnTakesItsSessionsOnly() async throws {
    let refused = try await answer(get(), http: { $0.signInClient = "another" })
    #expect(refused.answer.hasPrefix("HTTP/1.1 401") && refused.service.isEmpty)
    let open = try await answer(get(), isPublic: true) {
      $0.signInClient = "another"
      $0.passesIdentityHeaders = true
    }
    #expect(open.answer.hasPrefix("HTTP/1.1 200"))
    #expect(!open.service.lowercased().contains("x-pomerium-"))
  }

  @Test func thePolicyDecides() async throws {
    let refused = try await answer(get(), policy: .denyAll)
    #expect(refused.answer.contains("policy_denied"))
    #expect(refused.service.isEmpty)
  }

  /// Frameworks take such a field for the method: a rule about methods and security rule 18 hold for what it says.
  @Test(arguments: ["X-HTTP-Method-Override", "x_http_method_override", "X-HTTP-Method", "X-Method-Override"])
  func aSecondMethodMustBeAllowedToo(_ name: String) async throws {
    func node(_ key: String, _ value: PolicyNode) -> PolicyNode { PolicyNode(.object([.init(key, value)])) }
    let isGet = node("http_method", node("is", PolicyNode(.string("GET"))))
    let policy = try AccessPolicy(parsing: node("allow", node("and", PolicyNode(.list([isGet])))))
    let refused = try await answer(get("/", "\(name): delete\r\n"), policy: policy)
    #expect(refused.answer.hasPrefix("HTTP/1.1 400") && refused.service.isEmpty)
    #expect(try await answer(get("/", "\(name): GET\r\n"), policy: policy).answer.hasPrefix("HTTP/1.1 200"))
    let foreign = try await answer(get("/", "\(name): DELETE\r\nOrigin: https://evil.example\r\n"))
    #expect(foreign.answer.hasPrefix("HTTP/1.1 403") && foreign.service.isEmpty)
  }

  @Test func hostsAreTold() async throws {
    #expect(try await status(get(host: "other.example.com")) == "404")
    #expect(try await status(get(host: "127.0.0.1")) == "404")
    #expect(try await status(get(host: "APP.example.com.")) == "200")
    #expect(try await status(get("/x"), path: .prefix("/api")) == "404")
  }

  /// Security rule 15.
  @Test(arguments: ["/%2epomerium/", "//.pomerium/", "/x/../.pomerium/", "/.pomerium%2f", "/.pomerium/../x"])
  func disguisedFormsOfOurPathsAreRefused(_ path: String) async throws {
    let result = try await answer(get(path))
    #expect(result.answer.hasPrefix("HTTP/1.1 400"))
    #expect(result.service.isEmpty)
  }

  @Test func ourPathsNeverReachAService() async throws {
    for path in ["/.pomerium", "/.pomerium/x?y", "/.well-known/pomerium/jwks.json"] {
      let result = try await answer(get(path, cookie: nil), isPublic: true)
      #expect(result.answer.contains("own GET app.example.com"))
      #expect(result.service.isEmpty)
    }
    let page = try await answer(
      get("/anything", host: "auth.example.com", method: "POST", "Content-Length: 4\r\n", body: "form"))
    #expect(page.answer.contains("own POST auth.example.com /anything form"))
  }

  /// What is decided on is what is forwarded, byte for byte; where paths are told apart, they must read in one way only.
  @Test func ambiguousPathsAreRefusedWherePathsMatter() async throws {
    for path in ["/api/../x", "/api/%2e%2e/x", "/api/a%2fb", "/api/a\\b", "/api/a%00", "/api/%252e%252e/"] {
      #expect(try await status(get(path), path: .prefix("/api")) == "400")
      let open = try await answer(get(path))
      #expect(open.service.hasPrefix("GET \(path) HTTP/1.1\r\n"))
    }
  }

  /// A rule about paths must not be walked around by another spelling of the path.
  @Test func otherSpellingsDoNotChooseAnotherRoute() async throws {
    let service = try await TestService()
    let routes = [
      try TestEdge.route(id: "admin", policy: .denyAll, path: .prefix("/admin")),
      try TestEdge.route(id: "spaced", path: .prefix("/a%20b")), try TestEdge.route(id: "rest"),
    ]
    let edge = try await TestEdge(routes: routes)
    for route in routes { edge.publish(route, port: service.port) }
    func status(_ path: String) async throws -> String {
      let client = try await edge.client()
      client.send(get(path))
      let answer = try await client.wait { text, _ in text.place(of: "\r\n\r\n") != nil }
      await client.close()
      return String(answer.dropFirst(9).prefix(3))
    }
    #expect(try await status("/admin/x") == "403")
    for path in ["/%61dmin/x", "//admin/x", "/;/admin/x", "/adm%69n;a/x", "/public/..;/admin/x"] {
      #expect(try await status(path) == "400", "\(path)")
    }
    for path in ["/a%20b/x", "/other;v=1", "/caf%C3%A9//x", "/~%7Euser"] {
      #expect(try await status(path) == "200", "\(path)")
    }
    await edge.stop()
  }

  @Test func aPolicyAboutPathsHoldsForEveryReading() async throws {
    func rule(_ action: String, _ criterion: String, _ value: PolicyNode) -> PolicyNode {
      let criteria = PolicyNode(.list([PolicyNode(.object([.init(criterion, value)]))]))
      return PolicyNode(.object([.init(action, PolicyNode(.object([.init("and", criteria)])))]))
    }
    let prefix = PolicyNode(.object([.init("starts_with", PolicyNode(.string("/admin")))]))
    let policy = try AccessPolicy(
      parsing: PolicyNode(
        .list([
          rule("allow", "authenticated_user", PolicyNode(.bool(true))), rule("deny", "http_path", prefix),
        ])))
    #expect(try await answer(get("/admin"), policy: policy).answer.hasPrefix("HTTP/1.1 403"))
    for path in ["/%61dmin", "//admin", "/;a/admin"] {
      #expect(try await answer(get(path), policy: policy).answer.hasPrefix("HTTP/1.1 400"), "\(path)")
    }
    #expect(try await answer(get("/%62log//x;y"), policy: policy).answer.hasPrefix("HTTP/1.1 200"))
  }

  /// Security rule 17.
  @Test func twoCookiesWithOurNameAreRefused() async throws {
    #expect(try await status(get("/", "Cookie: __Host-_pomerium=bob\r\n")) == "400")
    #expect(try await status(get(cookie: nil, "Cookie: __Host-_pomerium=alice; __Host-_pomerium=alice\r\n")) == "400")
  }

  @Test func noCookieOfOursReachesAService() async throws {
    let result = try await answer(
      get(
        cookie: nil,
        "Cookie: __Host-_pomerium=alice; x=y; __Host-_pomerium_nonce=n; __host-_POMERIUM_csrf=1\r\nCookie: z=1\r\n"))
    #expect(result.service.fieldLines.filter { $0.hasPrefix("cookie") } == ["cookie: x=y", "cookie: z=1"])
    #expect(!result.service.lowercased().contains("pomerium"))
  }

  /// Security rule 18.
  @Test func requestsOfOtherOriginsAreRefused() async throws {
    let foreign = [
      "Origin: https://evil.example.com\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
      "Sec-Fetch-Site: same-site\r\n", "Origin: https://app.example.com:444\r\n",
      "Origin: https://app.example.com\r\nSec-Fetch-Site: same-site\r\n",
      "Origin: https://app.example.com.evil.org\r\n",
    ]
    for fields in foreign {
      let post = try await answer(get("/", method: "POST", fields + "Content-Length: 0\r\n"))
      #expect(post.answer.contains("cross_site"), "\(fields)")
      #expect(post.service.isEmpty)
      #expect(try await status(get("/", fields)) == "200")
    }
    let near = [
      "", "Origin: https://app.example.com\r\n",
      "Origin: https://APP.example.com:443\r\nSec-Fetch-Site: same-origin\r\n",
      "Sec-Fetch-Site: none\r\n",
    ]
    for fields in near {
      #expect(try await status(get("/", method: "DELETE", fields)) == "200", "\(fields)")
    }
    let allowed = try await answer(
      get("/", method: "POST", "Origin: https://friend.test\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n")
    ) { $0.allowedOrigins = ["https://friend.test"] }
    #expect(allowed.answer.hasPrefix("HTTP/1.1 200"))
  }

  @Test func aForeignWebSocketIsRefused() async throws {
    let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
    #expect(try await status(get("/", fields + "Origin: https://evil.test\r\n")) == "403")
  }

  @Test func aForeignRequestToAPublicRouteGoesThroughNameless() async throws {
    let result = try await answer(
      get("/", method: "POST", "Origin: https://evil.test\r\nContent-Length: 0\r\n"), isPublic: true
    ) { $0.passesIdentityHeaders = true }
    #expect(result.answer.hasPrefix("HTTP/1.1 200"))
    #expect(!result.service.lowercased().contains("assertion"))
  }

  @Test func preflightsPassWhereTheRouteSaysSo() async throws {
    let preflight = get(
      cookie: nil, method: "OPTIONS", "Origin: https://x.test\r\nAccess-Control-Request-Method: PUT\r\n")
    #expect(try await status(preflight) == "401")
    let allowed = try await answer(preflight) { $0.allowsCORSPreflight = true }
    #expect(allowed.answer.hasPrefix("HTTP/1.1 200"))
  }

  /// Nobody is asked who they are, so it must be nothing but a question.
  @Test(arguments: [
    ("X-HTTP-Method-Override: DELETE\r\n", ""), ("Connection: upgrade\r\nUpgrade: chat\r\n", ""),
    ("Content-Length: 5\r\n", "hello"),
  ])
  func nothingSlipsInAsAPreflight(_ fields: String, _ body: String) async throws {
    let question = "Origin: https://x.test\r\nAccess-Control-Request-Method: PUT\r\n"
    let result = try await answer(get(cookie: nil, method: "OPTIONS", question + fields, body: body)) {
      $0.allowsCORSPreflight = true
      $0.allowedUpgrades = ["chat"]
    }
    #expect(result.answer.hasPrefix("HTTP/1.1 401") && result.service.isEmpty)
  }

  /// Security rule 22, on a public route too.
  @Test func whatOnlyTheEdgeMaySayIsRemoved() async throws {
    let fields =
      "X-Pomerium-Jwt-Assertion: e\r\nx_pomerium_claim_email: e\r\nX-Forwarded-For: e\r\nX_Forwarded-Host: e\r\n"
      + "X-FORWARDED-Client-Cert: e\r\nForwarded: for=e\r\nX-Real-IP: e\r\nx_real_ip: e\r\nX-Request-Id: e\r\n"
      + "Keep-Alive: e\r\nProxy-Authorization: e\r\nProxy-Connection: e\r\nTE: e\r\nTrailer: e\r\nX-Hop: e\r\n"
      + "HTTP2-Settings: e\r\nUpgrade: h2c\r\nConnection: upgrade, HTTP2-Settings, x-hop\r\n"
    let result = try await answer(get(cookie: nil, fields), isPublic: true)
    for line in result.service.fieldLines {
      #expect(!line.hasSuffix(": e") && !line.hasSuffix("=e"), "\(line)")
      #expect(!line.hasPrefix("upgrade") && !line.hasPrefix("connection"), "\(line)")
    }
    #expect(result.service.fieldLines.filter { $0.hasPrefix("x-forwarded-for") } == ["x-forwarded-for: 127.0.0.1"])
  }

  @Test func namingProtectedFieldsInConnectionIsAnError() async throws {
    for name in ["X-Forwarded-For", "x_pomerium_jwt_assertion", "Cookie", "Host", "Content-Length"] {
      #expect(try await status(get("/", "Connection: close, \(name)\r\n")) == "400", "\(name)")
    }
  }

  @Test func connectIsNotServedHere() async throws {
    #expect(try await status("CONNECT app.example.com:443 HTTP/1.1\r\nHost: app.example.com:443\r\n\r\n") == "405")
    #expect(try await status("OPTIONS * HTTP/1.1\r\nHost: app.example.com\r\n\r\n") == "400")
  }

  @Test func forwardedAddressesCountFromTrustedProxiesOnly() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route]) {
      $0.trustedProxies = [AddressRange("127.0.0.0/8"), AddressRange("10.0.0.0/8")].compactMap { $0 }
    }
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/", "X-Forwarded-For: 6.6.6.6, 192.0.2.9, 10.1.1.1\r\n"))
    _ = try await client.wait(for: "hello")
    #expect(service.lastHead.fieldLines.contains("x-forwarded-for: 6.6.6.6, 192.0.2.9, 10.1.1.1, 127.0.0.1"))
    await edge.stop()
    #expect(edge.log.lines.first?.contains(#""forwarded-for":"192.0.2.9""#) == true)
  }
}
