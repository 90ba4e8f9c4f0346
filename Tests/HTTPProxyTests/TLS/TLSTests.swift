import EdgeCrypto
import Foundation
import HTTPProxy
import NIOCore
import Routing
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct TLSTests {
  private static let now = Int64(Date().timeIntervalSince1970)

  private func identity(_ authority: CertificateAuthority, _ names: [String]) throws -> TLSIdentity {
    let (chain, key) = try authority.issue(names: names, now: Self.now)
    return try TLSIdentity(certificateChainPEM: chain, privateKeyPEM: key)
  }

  private func context(_ authority: CertificateAuthority, _ names: [[String]]) throws -> TLSServerContext {
    try TLSServerContext(identities: names.map { try identity(authority, $0) }, alpn: ["http/1.1"])
  }

  /// Runs curl against the edge under a name; what it printed, and its exit code.
  private func curl(_ edge: TestEdge, _ authority: CertificateAuthority, sni: String, _ arguments: [String] = [])
    async throws
    -> (text: String, code: Int32)
  {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("ca-\(UInt64.random(in: 0 ... .max)).pem")
    try authority.certificatePEM.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments =
      [
        "-sS", "-i", "--max-time", "20", "--cacert", file.path, "--connect-to", "\(sni):443:127.0.0.1:\(edge.port)",
        "-H", "Cookie: __Host-_pomerium=alice",
      ] + arguments + ["https://\(sni)/"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        continuation.resume(returning: (String(decoding: data, as: UTF8.self), process.terminationStatus))
      }
    }
  }

  private func edge(_ authority: CertificateAuthority) async throws -> TestEdge {
    let service = try await TestService()
    let app = try TestEdge.route()
    let other = try TestEdge.route("other.example.com", id: "r2")
    let edge = try await TestEdge(
      routes: [app, other],
      tls: context(authority, [["app.example.com"], ["other.example.com", "stranger.example.net"]]))
    edge.publish(app, port: service.port)
    edge.publish(other, port: service.port)
    return edge
  }

  @Test(arguments: ["--tlsv1.3", "--tls-max 1.2"]) func servesBothVersionsByName(_ version: String) async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let edge = try await edge(authority)
    let arguments = version.split(separator: " ").map(String.init)
    for name in ["app.example.com", "other.example.com"] {
      let result = try await curl(edge, authority, sni: name, arguments)
      #expect(
        result.code == 0 && result.text.hasPrefix("HTTP/1.1 200 OK") && result.text.hasSuffix("hello"), "\(result)")
    }
    await edge.stop()
  }

  /// 421 when the handshake names a host served here and Host names another; else Host decides.
  @Test func theHandshakeAndHostMustAgree() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let edge = try await edge(authority)
    let crossed = try await curl(edge, authority, sni: "other.example.com", ["-H", "Host: app.example.com"])
    #expect(crossed.text.hasPrefix("HTTP/1.1 421 "))
    let unknown = try await curl(edge, authority, sni: "app.example.com", ["-H", "Host: nobody.example.com"])
    #expect(unknown.text.hasPrefix("HTTP/1.1 421 "))
    let fronted = try await curl(edge, authority, sni: "stranger.example.net", ["-H", "Host: app.example.com"])
    #expect(fronted.text.hasPrefix("HTTP/1.1 200 "))
    await edge.stop()
  }

  /// Security rule 18: where TLS ends here, a page without it is not the route's.
  @Test func aPlainOriginIsForeign() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let edge = try await edge(authority)
    for (scheme, status) in [("http", "403"), ("https", "200")] {
      let result = try await curl(
        edge, authority, sni: "app.example.com", ["-X", "DELETE", "-H", "Origin: \(scheme)://app.example.com"])
      #expect(result.text.hasPrefix("HTTP/1.1 \(status) "), "\(result)")
    }
    await edge.stop()
  }

  @Test func largeBodiesPassTheRecords() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let body = String(repeating: "0123456789abcdef", count: 1 << 16)
    let service = try await TestService { _, connection in connection.reply(body) }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route], tls: context(authority, [["app.example.com"]]))
    edge.publish(route, port: service.port)
    let result = try await curl(edge, authority, sni: "app.example.com")
    #expect(result.text.hasSuffix(body))
    await edge.stop()
  }

  @Test func anotherCertificateServesNewConnections() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let second = try CertificateAuthority.make(commonName: "second", now: Self.now)
    let edge = try await edge(authority)
    #expect(try await curl(edge, authority, sni: "app.example.com").code == 0)
    let tls = try context(second, [["app.example.com"]])
    edge.proxy.replace(HTTPProxyConfiguration(address: .init(host: "127.0.0.1", port: 0), tls: tls))
    #expect(try await curl(edge, second, sni: "app.example.com").code == 0)
    #expect(try await curl(edge, authority, sni: "app.example.com").code != 0)
    await edge.stop()
  }

  @Test func plainHTTPIsToldWhatToDo() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let edge = try await edge(authority)
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.waitUntilClosed().contains("This port speaks HTTPS"))
    await edge.stop()
  }

  @Test func garbageEndsQuietly() async throws {
    let authority = try CertificateAuthority.make(commonName: "test", now: Self.now)
    let edge = try await edge(authority)
    for text in ["\u{16}\u{3}\u{1}\u{0}\u{5}hello", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", "SSH-2.0-x\r\n"] {
      let client = try await edge.client()
      client.send(text)
      await client.finish()
      _ = try await client.waitUntilClosed()
    }
    #expect(try await curl(edge, authority, sni: "app.example.com").code == 0)
    await edge.stop()
  }
}
