import Foundation
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import EmbeddedProvider

/// The provider on real sockets, driven by the system's curl.
@Suite struct ListeningTests {
  private func provider(_ directory: TemporaryDirectory) throws -> EmbeddedProvider {
    let file = directory.path + "/dex.yaml"
    try ProviderFixture.file().write(toFile: file, atomically: true, encoding: .utf8)
    return try EmbeddedProvider(
      configurationFile: file, overrides: .init(port: 0, redirectURIs: ["https://auth.localhost:9443/oauth2/callback"]),
      stateDirectory: directory.path + "/state", group: MultiThreadedEventLoopGroup.singleton,
      logger: Logger(label: "test"))
  }

  /// Off the threads of concurrency: they answer what curl asks.
  private func curl(_ arguments: [String]) async throws -> (status: String, output: String) {
    let output = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<String, any Error>) in
      DispatchQueue.global().async {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        process.arguments =
          ["-sS", "--noproxy", "*", "--max-time", "20", "-w", "\n%{http_code} %{redirect_url}"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        continuation.resume(
          with: Result {
            try process.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return output
          })
      }
    }
    let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
    return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
  }

  @Test func curlSignsIn() async throws {
    let directory = try TemporaryDirectory()
    let provider = try provider(directory)
    try await provider.start()
    let issuer = provider.issuer
    #expect(provider.users.map(\.email) == ["alice@example.com", "bob@example.com"])
    let discovery = try await curl([issuer + "/.well-known/openid-configuration"])
    #expect(discovery.status.hasPrefix("200"))
    #expect(discovery.output.contains("\"issuer\":\"\(issuer)\""))
    #expect(try await curl([issuer + "/keys"]).output.contains("\"alg\":\"RS256\""))

    let jar = directory.path + "/jar"
    let query = ProviderFixture.authorizeQuery(["redirect_uri": "https://auth.localhost:9443/oauth2/callback"])
    let begin = try await curl(["-c", jar, "-b", jar, "\(issuer)/auth?\(query)"])
    let form = String(begin.status.split(separator: " ").last ?? "")
    #expect(form.hasPrefix(issuer + "/auth/local/login?state="))
    let done = try await curl([
      "-b", jar, "-c", jar, form, "--data-urlencode", "login=bob@example.com", "--data-urlencode",
      "password=bob-password",
    ])
    #expect(done.status.hasPrefix("303 https://auth.localhost:9443/oauth2/callback?code="))
    let code = String(done.status.split(separator: "=")[1].split(separator: "&")[0])
    let tokens = try await curl([
      "-u", "pomerium:pomerium-client-secret", issuer + "/token", "-d", "grant_type=authorization_code", "-d",
      "code=\(code)",
      "-d", "code_verifier=\(ProviderFixture.verifier)", "--data-urlencode",
      "redirect_uri=https://auth.localhost:9443/oauth2/callback",
    ])
    #expect(tokens.status.hasPrefix("200"))
    let object = try JSONSerialization.jsonObject(with: Data(tokens.output.utf8)) as? [String: Any]
    let identity = claims(object?["id_token"] as? String ?? "")
    #expect(identity["groups"] as? [String] == ["staff"])
    #expect(identity["iss"] as? String == issuer)
    await provider.stop()
    #expect(try await curl([issuer + "/keys"]).status.hasPrefix("000"), "nobody listens any more")
  }

  @Test func bothLoopbacksAreListenedOn() async throws {
    let provider = try provider(try TemporaryDirectory())
    try await provider.start()
    let port = provider.issuer.split(separator: ":").last?.split(separator: "/").first ?? ""
    #expect(try await curl(["http://127.0.0.1:\(port)/dex/healthz"]).status.hasPrefix("200"))
    #expect(try await curl(["-g", "http://[::1]:\(port)/dex/healthz"]).status.hasPrefix("200"))
    await provider.stop()
  }

  @Test func onlyLoopbackAddressesAreBound() throws {
    #expect(LoopbackListener.isLoopback(try SocketAddress(ipAddress: "127.0.0.1", port: 1)))
    #expect(LoopbackListener.isLoopback(try SocketAddress(ipAddress: "::1", port: 1)))
    #expect(!LoopbackListener.isLoopback(try SocketAddress(ipAddress: "0.0.0.0", port: 1)))
    #expect(!LoopbackListener.isLoopback(try SocketAddress(ipAddress: "::", port: 1)))
    #expect(!LoopbackListener.isLoopback(try SocketAddress(ipAddress: "192.0.2.1", port: 1)))
  }
}
