import EdgeConfig
import EdgeCrypto
import HTTPWire
import NIOCore
import Testing

@testable import TunnelEdge

@Suite struct MetricsServiceTests {
  private func answer(_ request: String, credentials: String? = nil, isReady: Bool = true) async throws
    -> MetricsService.Answer
  {
    var reader = RequestReader()
    var buffer = ByteBuffer(string: request)
    guard case .head(let head) = try reader.next(from: &buffer) else { throw WireError.truncated }
    return await MetricsService(credentials: credentials, isReady: { isReady }, metrics: { "a 1\n" }).answer(head)
  }

  private func get(_ path: String, _ fields: String = "Host: 127.0.0.1:9090\r\n") -> String {
    "GET \(path) HTTP/1.1\r\n\(fields)\r\n"
  }

  @Test func threePathsAreServed() async throws {
    let metrics = try await answer(get("/metrics?x=1"))
    #expect(metrics.status == 200 && metrics.body == "a 1\n")
    #expect(metrics.headers.contains { $0 == ("Content-Type", "text/plain; version=0.0.4; charset=utf-8") })
    #expect(try await answer(get("/healthz"), isReady: false).status == 200)
    #expect(try await answer(get("/readyz")).status == 200)
    #expect(try await answer(get("/readyz"), isReady: false).status == 503)
    for path in ["/", "/metrics/", "//metrics", "/debug/pprof/", "/metrics/../readyz"] {
      #expect(try await answer(get(path)).status == 404, "\(path)")
    }
    #expect(try await answer("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").status == 405)
    #expect(try await answer("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200)
  }

  @Test(arguments: [
    ("127.0.0.1:9090", 200), ("localhost:9090", 200), ("edge.localhost", 200), ("[::1]:9090", 200),
    ("rebound.example:9090", 421), ("localhost.rebound.example", 421),
  ])
  func withoutCredentialsOnlyThisMachineIsAnswered(_ host: String, _ status: Int) async throws {
    #expect(try await answer(get("/metrics", "Host: \(host)\r\n")).status == status)
  }

  @Test func credentialsAreDemandedEverywhere() async throws {
    func status(_ field: String, _ path: String = "/metrics") async throws -> Int {
      try await answer(get(path, "Host: edge.example\r\n" + field), credentials: "watch:pass:word").status
    }
    func basic(_ text: String, _ scheme: String = "Basic") -> String {
      "Authorization: \(scheme) \(Base64.encode(Array(text.utf8)))\r\n"
    }
    #expect(try await status(basic("watch:pass:word")) == 200)
    #expect(try await status(basic("watch:pass:word", "bASIC")) == 200)
    for path in ["/metrics", "/healthz", "/readyz", "/"] { #expect(try await status("", path) == 401) }
    #expect(try await status(basic("watch:pass:wore")) == 401)
    #expect(try await status(basic("watch:")) == 401)
    #expect(try await status(basic("watch:pass:word", "Bearer")) == 401)
    #expect(try await status("Authorization: Basic !!!\r\n") == 401)
    #expect(try await status("Authorization: Basic\r\n") == 401)
    #expect(try await status(basic("watch:pass:word") + basic("watch:pass:word")) == 401)
    let refusal = try await answer(get("/"), credentials: "a:b")
    #expect(refusal.headers.contains { $0.name == "WWW-Authenticate" && $0.value.hasPrefix("Basic ") })
  }

  @Test(arguments: [
    ("http://127.0.0.1:9090", "http://127.0.0.1:9090/readyz"), ("http://h:1/", "http://h:1/readyz"),
    ("https://auth.example/healthz", "https://auth.example/healthz"),
  ])
  func healthAsksForReadiness(_ url: String, _ asked: String) { #expect(HealthQuestion(url: url).request.url == asked) }
}
