import EdgeConfig
import Policy

/// Files of a pretended machine.
struct FakeFiles {
  var files: [String: FileContent] = [:]

  static let privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
  static let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

  /// The files that the fixtures name.
  static let usual: FakeFiles = {
    var fake = FakeFiles()
    for name in [
      "pomerium_user_ca_key", "pomerium_ssh_host_ed25519_key", "pomerium_ssh_host_rsa_key",
      "pomerium_ssh_host_ecdsa_key",
    ] {
      fake.add("/etc/pomerium/keys/" + name, privateKey)
    }
    fake.add("/etc/pomerium/certs/cert.pem", certificate, 0o644)
    fake.add("/etc/pomerium/certs/key.pem", privateKey, 0o640)
    fake.add("/certs/cert.pem", certificate, 0o644)
    fake.add("/certs/key.pem", privateKey)
    fake.add("/certs/crl.pem", certificate.replacing("CERTIFICATE", with: "X509 CRL"), 0o644)
    fake.add("/certs/staple.der", "0\u{1}", 0o644)
    fake.add("/certs/world-readable.pem", privateKey, 0o644)
    fake.add("/pages/503.html", "<!doctype html><title>{{status}}</title><p>{{ message }}", 0o644)
    fake.add("/pages/mistakes.html", "<p>{{ status }}\n  {{requestid}} {{ email }} { {x} }\n", 0o644)
    fake.add("/pages/large.html", String(repeating: "x", count: 300_000), 0o644)
    fake.add("/pages/blank.html", " \n", 0o644)
    fake.add("/keys/open", privateKey, 0o640)
    fake.add("/keys/host.pub", "ssh-ed25519 AAAA a@b")
    fake.add("/secrets/cookie", "kXq0c9n3dQkCq7rTjJ7oM3gq0c1v8oWnqJY2m2tQ1dM=\n", 0o444)
    fake.add("/secrets/client", "from-a-file\n", 0o444)
    return fake
  }()

  mutating func add(_ path: String, _ text: String, _ permissions: UInt32 = 0o600) {
    files[path] = FileContent(bytes: Array(text.utf8), permissions: permissions)
  }

  var reader: FileReader {
    let files = files
    return FileReader { path in files[path].map { .success($0) } ?? .failure(.notFound) }
  }
}

/// Loads a text as `config.yaml`.
func load(_ text: String, environment: [String: String] = [:], files: FakeFiles = .usual) -> ConfigurationLoad {
  var files = files
  files.add("config.yaml", text)
  return EdgeConfiguration.load(path: "config.yaml", environment: environment, files: files.reader)
}

/// What a configuration needs at least; more lines may follow.
let base = """
  address: :443
  authenticate_service_url: https://auth.example.com
  shared_secret: 3TVPqwSj0zGvI9YdQzUHTCNxqhQ6rR4hWkyr3pW8uzE=
  idp_provider: oidc
  idp_provider_url: https://idp.example.com
  idp_client_id: edge
  idp_client_secret: x
  certificate_file: /certs/cert.pem
  certificate_key_file: /certs/key.pem

  """
