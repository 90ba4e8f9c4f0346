extension ConfigurationKey {
  static let certificateKeys: [ConfigurationKey] = [
    .init(
      .global, "certificates", .list,
      "Certificates with their keys: objects with `cert` and `key`, each a path, a PEM or base64 of it; chosen by server name"
    ),
    .init(.global, "certificate", .pem, "A certificate chain (PEM or base64 of it)"),
    .init(.global, "certificate_key", .pem, secret: true, "The private key of `certificate`"),
    .init(.global, "certificate_file", .path, "A file with a certificate chain"),
    .init(.global, "certificate_key_file", .path, "A file with the private key of `certificate_file`"),
    .init(
      .global, "certificate_authority", .pem, .notYet(roots), "Further roots for services and the identity provider"),
    .init(.global, "certificate_authority_file", .path, .notYet(roots), "Further roots, as a file"),
    .init(.global, "tls_derive", .text, .noEffect(oneProcess), "TLS between split services"),
    .init(.global, "client_ca", .pem, .removed("it is called `downstream_mtls`"), "-"),
    .init(.global, "client_ca_file", .path, .removed("it is called `downstream_mtls`"), "-"),
    .init(.global, "client_crl", .pem, .removed("it is called `downstream_mtls`"), "-"),
    .init(.global, "client_crl_file", .path, .removed("it is called `downstream_mtls`"), "-"),
    .init(.global, "autocert", .flag, default: "false", .notYet(acme), "Certificates from an ACME authority"),
    .init(.global, "autocert_ca", .url, .noEffect(acme), "The ACME directory"),
    .init(.global, "autocert_dir", .path, .noEffect(acme), "Where ACME certificates are kept"),
    .init(.global, "autocert_email", .text, .noEffect(acme), "The address the ACME authority writes to"),
    .init(.global, "autocert_eab_key_id", .text, .noEffect(acme), "External account at the ACME authority"),
    .init(.global, "autocert_eab_mac_key", .text, secret: true, .noEffect(acme), "Key of the external account"),
    .init(.global, "autocert_must_staple", .flag, default: "false", .noEffect(acme), "Ask for must-staple"),
    .init(.global, "autocert_trusted_ca", .pem, .noEffect(acme), "Roots of the ACME authority"),
    .init(.global, "autocert_trusted_ca_file", .path, .noEffect(acme), "Roots of the ACME authority, as a file"),
    .init(.global, "autocert_use_staging", .flag, default: "false", .noEffect(acme), "The staging directory"),
  ]

  private static let roots = "add the authority to the system's certificates (or SSL_CERT_FILE)"
  private static let acme = "ACME comes with a later version; name certificate files"
}
