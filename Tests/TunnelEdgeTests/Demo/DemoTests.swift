import EdgeConfig
import TestSupport
import Testing

@testable import TunnelEdge

@Suite struct DemoTests {
  @Test func passwordsAreReadFromTheComments() {
    let users = DemoUser.all(
      in: """
        staticPasswords:
          # Password: one
          - email: alice@example.com
            hash: "x"
          - email: nobody@example.com
          # Password: two
          - email: "bob@example.com"
        """)
    #expect(users.map(\.email) == ["alice@example.com", "bob@example.com"])
    #expect(users.map(\.password) == ["one", "two"])
  }

  @Test func portsAreKeptBesideTheConfiguration() {
    let ports = DemoPorts(https: 8443, ssh: 2222, provider: 5556, service: 3000)
    #expect(DemoPorts(text: ports.text, service: 3000) == ports)
    #expect(DemoPorts(text: "1 2", service: 3000) == nil)
    #expect(DemoPorts(text: "0 2222 5556", service: 3000) == nil)
    #expect(DemoPorts(text: "8443 2222 65536", service: 3000) == nil)
  }

  @Test func freePortsDiffer() throws {
    let ports = try DemoPorts(https: 28443, ssh: 28443, provider: 28443, service: 3000).firstFree()
    #expect(Set([ports.https, ports.ssh, ports.provider]).count == 3)
  }

  @Test func theConfigurationItWritesLoadsWithoutComplaint() throws {
    let folder = try TemporaryDirectory()
    let state = DemoState(directory: folder.file("state"))
    try state.prepare(names: [DemoConfiguration.appHost, DemoConfiguration.authenticateHost], sshPorts: [2222])
    let demo = DemoConfiguration(
      httpsPort: 8443, sshPort: 2222, issuer: "http://localhost:5556/dex", publisher: "alice@example.com",
      visitors: ["alice@example.com", "bob@example.com"])
    try folder.write(
      demo.yaml(
        state: state, sharedSecret: try state.secret("shared_secret"), cookieSecret: try state.secret("cookie_secret")),
      to: "state/config.yaml")
    let load = EdgeConfiguration.load(path: state.configuration)
    #expect(load.diagnostics.filter { $0.severity != .note }.map(\.description) == [])
    let configuration = try #require(load.configuration)
    #expect(throws: Never.self) { try EdgeSettings.trial(configuration) }
    #expect(configuration.routes.count == 1)
    // Security rule 35: only a demo may use what a demo made.
    #expect(SampleSecrets.demoKey(in: configuration) != nil)
    #expect(SampleSecrets.warnings(configuration) == ["idp_client_secret"])
  }

  @Test func secretsOutliveARestart() throws {
    let folder = try TemporaryDirectory()
    let state = DemoState(directory: folder.path)
    let first = try state.secret("shared_secret")
    #expect(try state.secret("shared_secret") == first)
    #expect(try folder.permissions("shared_secret") == 0o600)
  }
}
