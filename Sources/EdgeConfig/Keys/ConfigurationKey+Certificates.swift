extension ConfigurationKey {
  static let certificateKeys: [ConfigurationKey] = [
    .init(
      .global, "certificates", .list,
      "Certificates with their keys: objects with `cert` and `key`, each a path, a PEM or base64 of it, and if you like `ocsp_staple_file`; chosen by server name"
    ),
    .init(.global, "certificate", .pem, "A certificate chain (PEM or base64 of it)"),
    .init(.global, "certificate_key", .pem, secret: true, "The private key of `certificate`"),
    .init(.global, "certificate_file", .path, "A file with a certificate chain"),
    .init(.global, "certificate_key_file", .path, "A file with the private key of `certificate_file`"),
    .init(
      .global, "certificate_authority", .pem, .notYet(roots), "Further roots for services and the identity provider"),
    .init(.global, "certificate_authority_file", .path, .notYet(roots), "Further roots, as a file"),
    .init(.global, "tls_derive", .text, .noEffect(oneProcess), "TLS between split services"),
    .init(
      .global, "downstream_mtls", .object, "Certificates that visitors must show"),
    .init(.global, "downstream_mtls.ca", .pem, "Who vouches for visitors: certificates of authorities"),
    .init(.global, "downstream_mtls.ca_file", .path, "The same, as a file"),
    .init(
      .global, "downstream_mtls.crl", .pem,
      "What these authorities have revoked; without a list of its own an authority has revoked nothing"),
    .init(.global, "downstream_mtls.crl_file", .path, "The same, as a file"),
    .init(
      .global, "downstream_mtls.enforcement", .choice(["policy_with_default_deny", "policy", "reject_connection"]),
      default: "policy_with_default_deny",
      "Who has no good certificate: is refused by every route (495), is judged by the policies of the routes alone, or gets no connection"
    ),
    .init(
      .global, "downstream_mtls.match_subject_alt_names", .list,
      "Patterns (RE2) by kind (`dns`, `email`, `ip_address`, `uri`): one of them must match one of the certificate's names whole"
    ),
    .init(
      .global, "downstream_mtls.max_verify_depth", .number, default: "1",
      "How many authorities there may be above a certificate, the trusted one among them; 0 is any number"),
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
