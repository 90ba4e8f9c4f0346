import EdgeConfig
import Foundation
import Policy
import Testing

@Suite struct SeedTests {
  private func seed() throws -> String {
    try String(contentsOf: GoldenTests.folder.appending(path: "seed.yaml"), encoding: .utf8)
  }

  /// The two variables that the tutorial's compose file sets.
  private let environment = [
    "CERTIFICATE_FILE": "/etc/pomerium/certs/cert.pem", "CERTIFICATE_KEY_FILE": "/etc/pomerium/certs/key.pem",
    "PATH": "/usr/bin", "HOME": "/root",
  ]

  @Test func `the tutorial's file loads without errors or warnings`() throws {
    let loaded = load(try seed(), environment: environment)
    #expect(loaded.errors.isEmpty, "\(loaded.diagnostics)")
    #expect(loaded.warnings.isEmpty, "\(loaded.diagnostics)")
    let configuration = try #require(loaded.configuration)
    #expect(configuration.listener.address == ListenAddress(host: "", port: 443))
    #expect(configuration.authenticateURL.text == "https://6a1dfc1c-auth.node-eu.test")
    #expect(configuration.identityProvider.name == "oidc")
    #expect(configuration.identityProvider.issuerURL == "https://6a1dfc1c-dex.node-eu.test")
    #expect(configuration.identityProvider.clientSecret.reveal() == "pomerium-client-secret")
    #expect(configuration.identityProvider.scopes == ["openid", "email", "profile", "offline_access"])
    #expect(configuration.sharedSecret?.count == 32)
    #expect(configuration.cookie.secret?.count == 32)
    #expect(configuration.cookie.lifetime == 14 * 3_600_000)
    #expect(configuration.listener.certificates.map(\.name) == ["/etc/pomerium/certs/cert.pem"])
    #expect(configuration.storage == .file(directory: "/var/pomerium/databroker"))
    #expect(configuration.flags.sshUpstreamTunnel)
    let ssh = try #require(configuration.ssh)
    #expect(ssh.address == ListenAddress(host: "0.0.0.0", port: 2222))
    #expect(ssh.hostKeys.count == 3)
    #expect(ssh.userCAKey?.name == "/etc/pomerium/keys/pomerium_user_ca_key")
    #expect(ssh.hostKeys.allSatisfy { $0.pem.reveal().hasSuffix("\n") })
    #expect(
      configuration.files == [
        "config.yaml", "/etc/pomerium/certs/cert.pem", "/etc/pomerium/certs/key.pem",
        "/etc/pomerium/keys/pomerium_ssh_host_ed25519_key", "/etc/pomerium/keys/pomerium_ssh_host_rsa_key",
        "/etc/pomerium/keys/pomerium_ssh_host_ecdsa_key", "/etc/pomerium/keys/pomerium_user_ca_key",
      ])
    let route = try #require(configuration.routes.first)
    #expect(route.from.scheme == .https)
    #expect(route.from.host == "6a1dfc1c-route.node-eu.test")
    #expect(route.from.port == nil)
    #expect(route.targets.map(\.host) == ["non-existent-route"])
    #expect(route.tunnel != nil)
  }

  @Test func `the tutorial's two edits each change their own policy only`() throws {
    let text = try seed()
    let before = try #require(load(text, environment: environment).configuration?.routes.first)
    // sed -E 's/^( {16}is: .*)/\1.typo/' and the same with 18 blanks.
    let visitEdit = text.replacing(/(?m)^( {16}is: .*)$/) { "\($0.1).typo" }
    let publishEdit = text.replacing(/(?m)^( {18}is: .*)$/) { "\($0.1).typo" }
    let visit = try #require(load(visitEdit, environment: environment).configuration?.routes.first)
    let publish = try #require(load(publishEdit, environment: environment).configuration?.routes.first)
    #expect(visit.visitPolicy != before.visitPolicy)
    #expect(visit.tunnel == before.tunnel)
    #expect(publish.visitPolicy == before.visitPolicy)
    #expect(publish.tunnel != before.tunnel)
    #expect(visit.id == before.id && publish.id == before.id)
  }

  @Test func `a comment moves lines but changes nothing`() throws {
    let text = try seed()
    let one = try #require(load(text, environment: environment).configuration)
    let two = try #require(load("# new\n\n" + text, environment: environment).configuration)
    #expect(one == two)
    #expect(one.routes.first?.position != two.routes.first?.position)
  }
}
