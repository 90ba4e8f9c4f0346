package import Policy

/// What the admin wrote, as validated values. Immutable; a reload makes a new one.
package struct EdgeConfiguration: Sendable, Equatable {
  /// The file it came from.
  package var path: String
  /// Every file that was read for it, the configuration itself first: what a watcher looks after.
  package var files: [String]

  package var listener: ListenerConfiguration
  /// `authenticate_service_url`.
  package var authenticateURL: ServiceURL
  /// `shared_secret`: 32 bytes. None: make some at the start; sessions then end with the process.
  package var sharedSecret: SecretBytes?
  package var cookie: CookieConfiguration
  package var assertion: AssertionConfiguration
  package var identityProvider: IdentityProviderConfiguration
  package var serviceAccounts: [ServiceAccountConfiguration]
  /// `workload_max_session`.
  package var workloadMaxSession: Milliseconds
  /// `signout_redirect_url`.
  package var signedOutURL: String?
  /// `programmatic_redirect_domain_whitelist`: of `loopbackNames`.
  package var loopbackHosts: [String] = Self.loopbackNames
  /// Present when `ssh_address` is.
  package var ssh: SSHConfiguration?
  package var storage: StorageConfiguration
  package var flags: RuntimeFlags
  package var logs: LogConfiguration
  /// Present when `metrics_address` is.
  package var metrics: MetricsConfiguration?
  /// `shutdown_timeout`.
  package var shutdownTimeout: Milliseconds
  /// `reconnect_grace`; a route may have its own.
  package var reconnectGrace: Milliseconds
  package var tunnelBalance: TunnelBalance
  package var routes: [RouteConfiguration]
  /// Whether the file (or the environment) has `routes`, if only an empty list.
  package var routesAreWritten: Bool

  /// Where programmatic login may send a token, as URLs spell them (security rule 20).
  package static let loopbackNames = ["localhost", "127.0.0.1", "[::1]"]

  /// Security rule 33: why this must not take the place of a running configuration unless somebody asks for it by HUP.
  package func refusal(toReplace running: EdgeConfiguration) -> Diagnostic? {
    guard !routesAreWritten, !running.routes.isEmpty else { return nil }
    return Diagnostic(
      .error, in: path, at: SourcePosition(line: 1, column: 1),
      "`routes` is gone; the running configuration stays",
      suggestion: "write `routes: []` to serve nothing, or send HUP to apply it as it is")
  }
}

package struct ListenerConfiguration: Sendable, Equatable {
  /// `address`; an empty host is every address of both families.
  package var address: ListenAddress
  /// `http_redirect_addr`: plain HTTP that only leads to HTTPS.
  package var redirectAddress: ListenAddress?
  /// `insecure_server`: plain HTTP on `address`.
  package var isInsecure: Bool
  /// In the order of the file; never empty unless `isInsecure`.
  package var certificates: [CertificateConfiguration]
  /// `downstream_mtls`.
  package var clientCertificates: ClientCertificateConfiguration?
  package var trustedProxies: [AddressRange]
  /// `xff_num_trusted_hops`.
  package var trustedHops: Int
  /// `skip_xff_append`.
  package var skipsForwardedAppend: Bool
  /// `use_proxy_protocol`: connections of those begin with a PROXY header.
  package var usesProxyProtocol: Bool
  /// `timeout_read`.
  package var readTimeout: Milliseconds
  /// `max_connections`.
  package var maxConnections: Int
  /// `per_source_max_connections`; 0 is no limit.
  package var maxConnectionsPerSource: Int
  /// `timeout_write`; 0 is none.
  package var writeTimeout: Milliseconds
  /// `timeout_idle`; 0 is none.
  package var idleTimeout: Milliseconds
  /// `default_upstream_timeout`; 0 is none.
  package var upstreamTimeout: Milliseconds
  /// `set_response_headers` without `disable`.
  package var responseHeaders: [HeaderSetting]
  package var pages: PagesConfiguration
  /// Whether the default security headers are added where a service sends none.
  package var addsSecurityHeaders: Bool
  package var requests = RequestReadingConfiguration()
}

/// A certificate chain with its key; both PEM.
package struct CertificateConfiguration: Sendable, Equatable {
  package var certificatePEM: String
  package var keyPEM: SecretString
  /// DER of an OCSP response about it.
  package var ocspResponse: [UInt8]?
  /// For messages: the certificate's file, or the key of the configuration it came from.
  package var name: String
  /// Where it is written, for messages.
  package var place: String
}

package struct ServiceURL: Sendable, Equatable, CustomStringConvertible {
  /// Lower case, ASCII.
  package var host: String
  /// As written.
  package var port: Int?

  /// The origin, without a path: `https://auth.example.com:8443`.
  package var text: String { port.map { $0 == 443 ? "https://\(host)" : "https://\(host):\($0)" } ?? "https://\(host)" }
  package var description: String { text }
}

package struct CookieConfiguration: Sendable, Equatable {
  /// Without the `__Host-` before it.
  package var name: String
  /// `cookie_expire`: how long a session lasts.
  package var lifetime: Milliseconds
  /// `cookie_secret`: 32 bytes.
  package var secret: SecretBytes?
}

/// What services learn of their visitors.
package struct AssertionConfiguration: Sendable, Equatable {
  /// `signing_key`: PEM. None: derived from the shared secret.
  package var signingKeyPEM: SecretString?
  /// `jwt_claims_headers`.
  package var claimHeaders: [ClaimHeader]
  /// `jwt_groups_filter`; none: all groups.
  package var groupsFilter: [String]?
  /// `jwt_issuer_format: uri`.
  package var issuerIsURI: Bool
}

package struct ClaimHeader: Sendable, Hashable {
  package var claim: String
  package var header: String
}

package struct IdentityProviderConfiguration: Sendable, Equatable {
  /// `idp_provider`, as people see it in the prompt.
  package var name: String
  /// Exactly as written.
  package var issuerURL: String
  package var clientID: String
  package var clientSecret: SecretString
  package var scopes: [String]
  package var requestParameters: [RequestParameter]
  /// `idp_email_trusted`; none: the kind of provider decides.
  package var emailIsTrusted: Bool?
  /// The claim that lists groups.
  package var groupsClaim: String
}

package struct RequestParameter: Sendable, Hashable {
  package var name: String
  package var value: String
}

package struct SSHConfiguration: Sendable, Equatable {
  package var address: ListenAddress
  /// In the order of the file; never empty.
  package var hostKeys: [PrivateKeyText]
  package var hostCertificates: [CertificateText]
  package var userCAKey: PrivateKeyText?
  package var loginGraceTime: Milliseconds
  package var signInTimeout: Milliseconds
  package var maxStartups: MaxStartups
  package var sources: SourceLimitsConfiguration
  package var maxConnectionsPerUser: Int
  /// `ssh_use_proxy_protocol`: `trusted_proxies` must announce whom they serve.
  package var usesProxyProtocol: Bool
  package var maxForwards: Int
  package var maxChannels: Int
  /// Bytes; 0 is a quarter of the memory.
  package var windowMemory: Int
  /// 0 is never.
  package var keepaliveInterval: Milliseconds
  /// None: where the processor has AES.
  package var prefersAESGCM: Bool?
  package var transport: SSHTransportConfiguration
  package var newSource: NewSourceRule
  package var signInCheck: SignInCheck

  package enum NewSourceRule: String, Sendable { case notify, signIn = "sign_in" }
  package enum SignInCheck: String, Sendable { case auto, page, terminal }
}

/// A private key in one of the PEM forms; always ends with a newline.
package struct PrivateKeyText: Sendable, Equatable {
  package var pem: SecretString
  /// For messages: its file, or the key of the configuration it came from.
  package var name: String
}

/// How connections are protected, beyond what is always so.
package struct SSHTransportConfiguration: Sendable, Equatable {
  package var requiresStrictKeyExchange: Bool
  package var offersGroup18: Bool
  /// None: by cipher.
  package var rekeyBytes: UInt64?
  /// None: not by time.
  package var rekeyInterval: Milliseconds?
}

/// An OpenSSH certificate: the line of a `-cert.pub` file.
package struct CertificateText: Sendable, Equatable {
  package var line: String
  /// For messages: its file.
  package var name: String

  package init(line: String, name: String) {
    self.line = line
    self.name = name
  }
}

/// `start:rate:full`.
package struct MaxStartups: Sendable, Equatable {
  package var start: Int
  /// Per cent refused at `start`, rising to all at `full`.
  package var rate: Int
  package var full: Int
}

package enum StorageConfiguration: Sendable, Equatable {
  case memory
  case file(directory: String)
}

package struct RuntimeFlags: Sendable, Equatable {
  package var sshUpstreamTunnel: Bool
  package var configHotReload: Bool
  package var matchAnyIncomingPort: Bool
}

package struct LogConfiguration: Sendable, Equatable {
  package var level: LogLevel
  package var accessLogFile: String?
  package var auditLogFile: String?

  package enum LogLevel: String, Sendable { case trace, debug, info, warn, error, fatal, panic, disabled }
}

package enum TunnelBalance: String, Sendable {
  case roundRobin = "round_robin"
  case leastRequest = "least_request"
  case failover
}
