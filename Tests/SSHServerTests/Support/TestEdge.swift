import EdgeCrypto
import Foundation
import Logging
import NIOCore
import NIOPosix
import Policy
import Routing
import Synchronization
import TestSupport

@testable import SSHServer

/// An SSHServer on a free port of the loopback with routes and people that the test writes.
final class TestEdge: Sendable {
  let server: SSHServer
  let authenticator: ScriptedAuthenticator
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let openStreams = OpenStreams()
  let events = EventLog<TunnelEvent>()
  let group = MultiThreadedEventLoopGroup.singleton
  let port: Int
  /// Keys and sockets of this test.
  let directory: URL

  static let clock: UnixClock = { UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

  init(
    _ routes: [Route], admits: ScriptedAuthenticator.Script = .everybody(as: "ann"),
    configure: (inout SSHServerConfiguration) -> Void = { _ in }
  ) async throws {
    authenticator = ScriptedAuthenticator(admits)
    self.routes = CurrentRoutes(RouteTable(routes: routes, generation: 1))
    registry = TunnelRegistry(clock: Self.clock)
    directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "te-ssh-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    var configuration = SSHServerConfiguration(
      addresses: [.init(host: "127.0.0.1", port: 0)], hostKeys: [try PrivateKey.generate(.ed25519)])
    let events = events
    configuration.events = { events.append($0) }
    configuration.refusalGraceMilliseconds = 200
    configure(&configuration)
    var logger = Logger(label: "test")
    logger.logLevel = ProcessInfo.processInfo.environment["TE_TEST_LOG"] == nil ? .critical : .debug
    server = SSHServer(
      configuration: configuration, authenticator: authenticator, routes: self.routes, registry: registry,
      openStreams: openStreams, group: group, clock: Self.clock, logger: logger)
    try await server.start()
    port = server.localAddresses.first?.port ?? 0
  }

  func stop() async {
    await server.drain(deadline: .now() + .seconds(1))
    try? FileManager.default.removeItem(at: directory)
  }

  /// Puts other routes in force, as a reload does.
  func replace(_ routes: [Route]) {
    self.routes.replace(routes)
    server.reconsider(.everything)
  }

  func opened(_ name: String) async throws -> Binding {
    let event = try await events.first { $0.kind == .opened && $0.name == name }
    guard let id = event.bindingID, let binding = registry.binding(id) else {
      throw TimedOut("no binding for \(name)")
    }
    return binding
  }

  /// A key file for ssh, made by ssh-keygen.
  func key(_ name: String = "id", type: String = "ed25519") async throws -> String {
    let path = directory.appendingPathComponent(name).path
    if !FileManager.default.fileExists(atPath: path) {
      let keygen = try ChildProcess("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path])
      try await keygen.status.first { _ in true }
    }
    return path
  }

  /// Options that keep ssh away from the machine's own configuration.
  func options(key: String? = nil) async throws -> [String] {
    let path = if let key { key } else { try await self.key() }
    return [
      "-F", "/dev/null", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o",
      "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-i", path, "-p", "\(port)",
    ]
  }

  func ssh(
    _ arguments: [String], key: String? = nil, destination: String = "me@127.0.0.1", command: [String] = [],
    environment: [String] = []
  ) async throws -> SSHClient {
    try SSHClient(try await options(key: key) + arguments + [destination] + command, environment: environment)
  }
}

func testRoute(
  _ from: String, publishers: AccessPolicy = .anyAuthenticatedUser, isPublic: Bool = false, tunnel: Bool = true
) -> Route {
  guard let pattern = HostPattern(from) else { fatalError("no pattern: \(from)") }
  return Route(
    id: RouteID("route-\(from)"), origin: RouteOrigin(scheme: .https, host: pattern),
    tunnel: tunnel ? TunnelSettings(publishPolicy: publishers) : nil, visitPolicy: .denyAll, isPublic: isPublic)
}

func testSubject(_ name: String, session: String = "session-1") -> Subject {
  Subject(
    sessionID: session, issuer: "https://issuer.example", userID: name, email: "\(name)@example.com",
    emailIsTrusted: true, expiresAt: UnixTime(seconds: 4_000_000_000))
}
