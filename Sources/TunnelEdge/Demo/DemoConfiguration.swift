/// The configuration file of the demo: an ordinary one, with comments for whoever opens it.
struct DemoConfiguration: Sendable {
  static let appHost = "app.localhost"
  static let authenticateHost = "auth.localhost"

  var httpsPort: Int
  var sshPort: Int
  var issuer: String
  /// Who may open the tunnel and who may visit, to begin with.
  var publisher: String
  var visitors: [String]

  var appURL: String { "https://\(Self.appHost):\(httpsPort)" }
  var authenticateURL: String { "https://\(Self.authenticateHost):\(httpsPort)" }

  func yaml(state: DemoState, sharedSecret: String, cookieSecret: String) -> String {
    """
    # Written by `tunnel-edge demo` when it was missing; edit it while the demo runs and watch what happens.
    # A route with a name of its own gets its certificate when the demo starts again. Delete the file to start over.

    shared_secret: \(sharedSecret)
    cookie_secret: \(cookieSecret)

    address: localhost:\(httpsPort)
    authenticate_service_url: \(authenticateURL)
    certificates:
      - cert: \(state.certificate)
        key: \(state.certificateKey)

    idp_provider: oidc
    idp_provider_url: \(issuer)
    idp_client_id: pomerium
    idp_client_secret: pomerium-client-secret
    idp_scopes: [openid, email, profile, offline_access]

    ssh_address: localhost:\(sshPort)
    ssh_user_ca_key_file: \(state.keys.userCA)
    ssh_host_key_files:
    \(state.keys.hostKeys.map { "  - \($0)" }.joined(separator: "\n"))
    runtime_flags:
      ssh_upstream_tunnel: true

    databroker_storage_type: file
    databroker_storage_connection_string: file://\(state.databroker)

    log_level: warn
    access_log_file: \(state.directory)/access.log
    audit_log_file: \(state.directory)/audit.log

    # The sample page greets its visitor by name.
    pass_identity_headers: true
    jwt_claims_headers:
      X-Pomerium-Claim-Email: email

    routes:
      - from: \(appURL)
        policy:
          # Who may VISIT the published service. Take a name out, save, reload the page: 403.
          - allow:
              or:
    \(visitors.map { "            - email:\n                is: \($0)" }.joined(separator: "\n"))
        upstream_tunnel:
          ssh_policy:
            # Who may OPEN the tunnel behind it. Change the name, save, reload the page: 503. Change it back: it is there
            # again, and the ssh connection never noticed.
            - allow:
                and:
                  - email:
                      is: \(publisher)

    """
  }
}
