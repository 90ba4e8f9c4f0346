@testable import EdgeConfig
import Foundation
import Testing

@Suite struct EnvironmentTests {
  @Test func `the environment beats the file`() throws {
    let loaded = load(
      base,
      environment: [
        "ADDRESS": ":8443", "IDP_SCOPES": "openid, email", "IDP_REQUEST_PARAMS": "{\"prompt\": \"login\"}",
        "COOKIE_EXPIRE": "1h", "INSECURE_SERVER": "1", "JWT_CLAIMS_HEADERS": "X-Mail:email",
        "TRUSTED_PROXIES": "[10.0.0.0/8, \"::1\"]", "SSH_ADDRESS": "127.0.0.1",
        "SSH_HOST_KEY_FILES": "/etc/pomerium/keys/pomerium_ssh_host_rsa_key", "IDP_CLIENT_ID": "", "UNRELATED": "x",
      ])
    #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics)")
    let configuration = try #require(loaded.configuration)
    #expect(configuration.listener.address.port == 8443)
    #expect(configuration.identityProvider.scopes == ["openid", "email"])
    #expect(configuration.identityProvider.requestParameters == [RequestParameter(name: "prompt", value: "login")])
    #expect(configuration.cookie.lifetime == 3_600_000)
    #expect(configuration.listener.isInsecure)
    #expect(configuration.assertion.claimHeaders == [ClaimHeader(claim: "email", header: "X-Mail")])
    #expect(configuration.listener.trustedProxies.count == 2)
    #expect(configuration.ssh?.address == ListenAddress(host: "127.0.0.1", port: 22))
    #expect(configuration.identityProvider.clientID == "edge")
  }

  @Test(arguments: ["POLICY", "ROUTES"])
  func `routes may come as base64 of YAML`(_ name: String) throws {
    let routes = "- from: https://env.example.org\n  to: http://localhost:1\n  allow_any_authenticated_user: true\n"
    let text = base + "routes:\n  - from: https://file.example.org\n    to: http://localhost:2\n"
    for value in [Data(routes.utf8).base64EncodedString(), routes] {
      let configuration = try #require(load(text, environment: [name: value]).configuration)
      #expect(configuration.routes.map(\.from.host) == ["env.example.org"])
      #expect(configuration.routesAreWritten)
    }
  }

  @Test func `a mistake in the environment names the variable`() {
    let routes = Data("- from: https://env.example.org\n  to: nowhere\n".utf8).base64EncodedString()
    let loaded = load(
      base,
      environment: [
        "TIMEOUT_READ": "soon", "POLICY": routes, "AUTOCERT": "true", "SERVICES": "proxy", "ADMINS": "[",
        "IDP_REQUEST_PARAMS": "x",
      ])
    #expect(
      loaded.errors.map(\.description) == [
        "environment variable ADMINS:2:1: error: not valid YAML: did not find expected node content while parsing a flow node; check the indentation of this line and the one above",
        "environment variable AUTOCERT: error: `autocert` is not supported; ACME comes with a later version; name certificate files",
        "environment variable IDP_REQUEST_PARAMS: error: `x` has no value; as `name:value,name:value`, or a JSON object",
        "environment variable POLICY:2:7: error: `to`: `nowhere` is no URL; did you mean `http://nowhere`?",
        "environment variable SERVICES: error: `services`: `proxy` is not possible; only `all` is",
        "environment variable TIMEOUT_READ: error: `timeout_read`: `soon` is no duration; as 10s, 5m or 1h30m",
      ])
  }

  @Test func `a secret in the environment beats its file, and the other way round`() throws {
    let variable = try #require(
      load(
        base.replacing("idp_client_secret: x", with: "idp_client_secret_file: /secrets/client"),
        environment: ["IDP_CLIENT_SECRET": "env"]
      )
      .configuration)
    #expect(variable.identityProvider.clientSecret.reveal() == "env")
    let file = try #require(load(base, environment: ["IDP_CLIENT_SECRET_FILE": "/secrets/client"]).configuration)
    #expect(file.identityProvider.clientSecret.reveal() == "from-a-file")
    #expect(load(base + "idp_client_secret_file: /secrets/client\n").errors.count == 1)
  }
}
