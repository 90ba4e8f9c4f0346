@testable import EdgeConfig
import Policy
import Testing

@Suite struct EdgeConfigurationTests {
  @Test func `what is not written has its default`() throws {
    let configuration = try #require(load(base).configuration)
    #expect(configuration.listener.readTimeout == 30_000)
    #expect(configuration.listener.writeTimeout == 120_000)
    #expect(configuration.listener.idleTimeout == 300_000)
    #expect(configuration.listener.upstreamTimeout == 30_000)
    #expect(configuration.listener.addsSecurityHeaders)
    #expect(configuration.cookie.name == "_pomerium")
    #expect(configuration.cookie.lifetime == 14 * 3_600_000)
    #expect(configuration.identityProvider.scopes == ["openid", "profile", "email", "offline_access"])
    #expect(configuration.identityProvider.emailIsTrusted == nil)
    #expect(configuration.ssh == nil)
    #expect(configuration.storage == .memory)
    #expect(configuration.flags.sshUpstreamTunnel)
    #expect(configuration.shutdownTimeout == 30_000)
    #expect(configuration.reconnectGrace == 10_000)
    #expect(configuration.tunnelBalance == .roundRobin)
    #expect(configuration.routes.isEmpty)
    #expect(!configuration.routesAreWritten)
    let ssh = try #require(
      load(base + "ssh_address: :22\nssh_host_key_files: [/etc/pomerium/keys/pomerium_ssh_host_rsa_key]\n")
        .configuration?.ssh)
    #expect(ssh.loginGraceTime == 120_000)
    #expect(ssh.signInTimeout == 900_000)
    #expect(ssh.maxStartups == MaxStartups(start: 100, rate: 30, full: 200))
    #expect(ssh.maxForwards == 128)
    #expect(ssh.maxChannels == 64)
    #expect(ssh.windowMemory == 0)
    #expect(ssh.keepaliveInterval == 15_000)
    #expect(ssh.prefersAESGCM == nil)
    #expect(ssh.newSource == .notify)
    #expect(ssh.signInCheck == .auto)
  }

  @Test func `ssh without host keys names keygen`() {
    for keys in ["", "ssh_host_key_files: []\n"] {
      let errors = load(base + "ssh_address: :2222\n" + keys).errors
      #expect(errors.count == 1)
      #expect(errors.first?.suggestion?.contains("tunnel-edge keygen") == true)
    }
  }

  @Test func `a port without its colon is no address`() {
    let errors = load(base + "ssh_address: 2222\n").errors
    #expect(errors.contains { $0.message.contains("`2222` is no address to listen on") })
  }

  @Test func `an https route is what it says`() throws {
    let text =
      base + """
        routes:
          - from: https://App.Example.ORG:8443
            to: [http://localhost:3000, "http://[::1]/base/"]
            prefix: /
            allowed_users: [a@example.org]
            allowed_idp_claims: {groups: [dev, 5]}
          - from: https://app-*.example.org
            upstream_tunnel: {ssh_policy: {allow: {or: [{authenticated_user: true}]}}}
            allow_public_unauthenticated_access: true
          - from: ssh://host.internal
            to: ssh://10.0.0.1
            allow_any_authenticated_user: true
          - from: tcp+https://db.example.org:5432
            to: tcp://10.0.0.1:5432
            allow_any_authenticated_user: true
        """
    let loaded = load(text)
    #expect(loaded.errors.isEmpty, "\(loaded.diagnostics)")
    let routes = try #require(loaded.configuration?.routes)
    #expect(routes.map(\.from.host) == ["app.example.org", "app-*.example.org", "host.internal", "db.example.org"])
    #expect(routes.map(\.from.scheme) == [.https, .https, .ssh, .tcp])
    #expect(routes.map(\.from.port) == [8443, nil, nil, 5432])
    #expect(routes[0].path == .any)
    #expect(routes[0].targets.map(\.port) == [3000, 80])
    #expect(routes[0].targets.map(\.portIsExplicit) == [true, false])
    #expect(routes[0].targets.map(\.host) == ["localhost", "::1"])
    #expect(routes[0].targets.map(\.path) == ["", "/base/"])
    #expect(routes[1].targets.isEmpty && routes[1].isPublic)
    #expect(routes[2].targets.map(\.port) == [22])
    #expect(Set(routes.map(\.id)).count == 4)
    #expect(routes.allSatisfy { $0.id.hasPrefix("route-") && $0.id.count == 22 })

    let later = UnixTime(seconds: 100)
    func visitor(_ email: String, _ claims: [String: ClaimValue] = [:]) -> AccessRequest {
      let subject = Subject(
        sessionID: "s", issuer: "i", userID: "u", email: email, emailIsTrusted: true, claims: claims, expiresAt: later)
      return AccessRequest(subject: subject, now: UnixTime(seconds: 1))
    }
    #expect(routes[0].visitPolicy.decide(visitor("a@example.org")).isAllowed)
    #expect(!routes[0].visitPolicy.decide(visitor("b@example.org")).isAllowed)
    #expect(routes[0].visitPolicy.decide(visitor("b@example.org", ["groups": .list([.number(5)])])).isAllowed)
    #expect(routes[1].visitPolicy.decide(AccessRequest(subject: nil, now: later)).isAllowed)
    #expect(routes[1].tunnel?.publishPolicy.decide(AccessRequest(subject: nil, now: later)).needsSignIn == true)
  }

  @Test func `services with HTTP 2 are for web routes`() throws {
    func loaded(_ from: String) -> ConfigurationLoad {
      load(base + "routes: [{from: \"\(from)\", to: \"h2c://localhost:50051\", allow_any_authenticated_user: true}]\n")
    }
    let web = loaded("https://grpc.example.org")
    #expect(web.errors.isEmpty, "\(web.diagnostics)")
    let target = try #require(web.configuration?.routes.first?.targets.first)
    #expect(target.scheme == .h2c && target.host == "localhost" && target.port == 50051)
    #expect(loaded("ssh://grpc.example.org").errors.contains { $0.message.contains("`h2c` does not go with") })
  }

  @Test func `every form of a certificate is taken, the single one first`() throws {
    let pem = "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"
    let key = "-----BEGIN EC PRIVATE KEY-----\\nAAAA\\n-----END EC PRIVATE KEY-----"
    let encoded = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
    let text =
      base + """
        certificate: "\(pem)"
        certificate_key: "\(key)"
        certificates:
          - {cert: \(encoded), key: /certs/key.pem}
          - {cert: /certs/cert.pem, key: "\(key)"}
        """
    let loaded = load(text)
    #expect(loaded.errors.isEmpty, "\(loaded.diagnostics)")
    let certificates = try #require(loaded.configuration?.listener.certificates)
    #expect(certificates.map(\.name) == ["certificate", "/certs/cert.pem", "certificate", "/certs/cert.pem"])
    #expect(
      certificates.allSatisfy { $0.certificatePEM.hasSuffix("-----\n") && $0.keyPEM.reveal().hasSuffix("-----\n") })
  }

  @Test func `a vanished list of routes is refused, an empty one is not`() throws {
    let routes = "routes:\n  - {from: https://a.example.org, to: http://b, allow_any_authenticated_user: true}\n"
    let running = try #require(load(base + routes).configuration)
    let gone = try #require(load(base).configuration)
    let null = try #require(load(base + "routes:\n").configuration)
    let empty = try #require(load(base + "routes: []\n").configuration)
    #expect(gone.refusal(toReplace: running)?.severity == .error)
    #expect(null.refusal(toReplace: running) != nil)
    #expect(empty.refusal(toReplace: running) == nil)
    #expect(gone.refusal(toReplace: empty) == nil)
    #expect(running.refusal(toReplace: gone) == nil)
    #expect(load("").configuration == nil)
  }

  @Test func `secrets never show`() throws {
    let configuration = try #require(
      load(base.replacing("idp_client_secret: x", with: "idp_client_secret: hush-hush"), environment: [:]).configuration
    )
    var dumped = "\(configuration)" + String(reflecting: configuration)
    dump(configuration, to: &dumped)
    for secret in ["hush-hush", "3TVPqw", "BEGIN OPENSSH", "221, 53, 79"] { #expect(!dumped.contains(secret)) }
    #expect(SecretString("a") == SecretString("a"))
    #expect(SecretString("a") != SecretString("b"))
    #expect(SecretBytes([1, 2]).reveal() == [1, 2])
  }

  @Test func `after an error every file is still watched`() {
    let loaded = load(base + "ssh_address: :22\nssh_host_key_files: [/keys/open, /keys/missing]\n")
    #expect(loaded.configuration == nil)
    #expect(
      loaded.files.map(\.path) == ["config.yaml", "/certs/cert.pem", "/certs/key.pem", "/keys/open", "/keys/missing"])
  }

  @Test(arguments: [
    ("10s", 10_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), ("250ms", 250), ("0", 0), ("0s", 0), ("1us", 1),
    ("1m0.5s", 60_500),
    ("+3s", 3000), (".5s", 500),
  ])
  func `durations are Go's`(_ text: String, _ time: Int64) {
    #expect(load(base + "shutdown_timeout: \(text)\n").configuration?.shutdownTimeout == time)
  }

  @Test(arguments: ["10", "s", "-5s", "1d", "5 s", "1h-5m", "\"\"", "1e3s", "99999999999h", "[1s]", "..s"])
  func `what is no duration is refused`(_ text: String) {
    #expect(load(base + "shutdown_timeout: \(text)\n").errors.count == 1, "\(text)")
  }

  @Test(arguments: [":443", "127.0.0.1:1", "[::1]:65535", "localhost:80", "edge.example.com:8443"])
  func `addresses to listen on`(_ text: String) throws {
    let address = try #require(
      load(base.replacing("address: :443", with: "address: \"\(text)\"")).configuration?.listener.address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "443", ":0", ":65536", "::1:443", "a b:1", "[::1]", "[x]:1", ":", "host:", "1.2.3.4:+5", "-a:1", "[1.2.3.4]:5",
  ])
  func `what cannot be listened on is refused`(_ text: String) {
    #expect(load(base.replacing("address: :443", with: "address: \"\(text)\"")).errors.count == 1, "\(text)")
  }

  @Test(arguments: [
    "https://a.example.org/", "HTTPS://A.example.org.", "https://*.example.org", "https://x*y.example.org",
    "https://a.b.c.d.e:1", "https://au*.example.com",
  ])
  func `what a route may be visited as`(_ from: String) {
    #expect(load(base + "routes: [{from: \"\(from)\", to: http://b}]\n").errors.isEmpty)
  }

  @Test(arguments: [
    "a.example.org", "https://", "https://a.example.org/x", "https://a.example.org?x", "https://u@a.example.org",
    "https://*",
    "https://a.*.org", "https://**.org", "https://10.0.0.1", "https://[::1]", "https://a_b.example.org",
    "https://-a.org",
    "https://a..org", "https://a.org:0", "https://a.org:x", "ftp://a.org", "https://auth.example.com",
    "https://a\\tb.org",
    "https://AUTH.example.com.", "https://auth.example.com:8443",
  ])
  func `what a route cannot be visited as`(_ from: String) {
    #expect(load(base + "routes: [{from: \"\(from)\", to: http://b}]\n").errors.count == 1, "\(from)")
  }

  @Test func `TOML and unreadable files are refused`() {
    #expect(EdgeConfiguration.load(path: "x.toml").errors.first?.description.contains("TOML") == true)
    let missing = EdgeConfiguration.load(path: "/nowhere/config.yaml")
    #expect(
      missing.errors.map(\.description) == [
        "/nowhere/config.yaml: error: cannot read the configuration: there is no such file"
      ])
    #expect(EdgeConfiguration.load(path: "/").errors.first?.description.contains("it is a directory") == true)
  }
}
