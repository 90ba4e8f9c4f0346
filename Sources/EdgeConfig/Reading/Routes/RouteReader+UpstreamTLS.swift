internal import Policy

/// `tls_…`: how an `https` target is checked.
extension RouteReader {
  private static let tlsKeys = [
    "tls_skip_verify", "tls_server_name", "tls_upstream_server_name", "tls_custom_ca", "tls_custom_ca_file",
    "tls_client_cert", "tls_client_cert_file", "tls_client_key", "tls_client_key_file",
  ]

  func upstreamTLS() -> RouteUpstreamTLS {
    var tls = RouteUpstreamTLS(skipsVerification: section.flag("tls_skip_verify") ?? false)
    tls.serverName = serverName()
    tls.certificateAuthority = certificates("tls_custom_ca")
    let key = section.privateKey("tls_client_key", .ownerAndGroup)?.pem
    let certificate = certificates("tls_client_cert")
    switch (certificate, key) {
    case (nil, nil): break
    case (let certificate?, let key?):
      tls.clientCertificate = certificate
      tls.clientKey = key
    case (nil, _?): missing("tls_client_cert", of: "tls_client_key")
    case (_?, nil): missing("tls_client_key", of: "tls_client_cert")
    }
    if tls.skipsVerification, let setting = section.setting("tls_skip_verify") {
      findings.warning(
        setting.place, "whoever stands between the edge and the service can read and change everything",
        "trust its certificate with `tls_custom_ca`")
    }
    warnWithoutHTTPS()
    return tls
  }

  private func serverName() -> String? {
    let written = ["tls_upstream_server_name", "tls_server_name"].compactMap { name in
      section.setting(name).flatMap { setting in section.text(name).map { (setting, $0) } }
    }
    guard let (setting, name) = written.first else { return nil }
    if let other = written.dropFirst().first, other.1 != name {
      section.error(other.0, "`tls_upstream_server_name` says `\(name)`", "take one of the two out")
    }
    guard isHostName(name) || IPAddress(name) != nil else {
      section.error(setting, "`\(name)` is no host name", asciiHint(name))
      return nil
    }
    return name
  }

  /// PEM in place or in a file, with at least one certificate.
  private func certificates(_ name: String) -> String? {
    guard let (text, setting) = section.textOrFile(name) else { return nil }
    guard let pem = section.pem(from: text), pem.contains("-----BEGIN CERTIFICATE-----") else {
      section.error(setting, "no certificate in PEM form", "it begins with -----BEGIN CERTIFICATE-----")
      return nil
    }
    return pem
  }

  private func missing(_ name: String, of other: String) {
    guard let setting = section.setting(other) ?? section.setting(other + "_file"), !section.isWritten(name),
      !section.isWritten(name + "_file")
    else { return }
    section.error(setting, "`\(name)` is missing", "a client certificate needs its key")
  }

  private func warnWithoutHTTPS() {
    let targets = section.setting("to").map { setting in
      setting.node.text.map { [$0] } ?? section.texts("to").map(\.text)
    }
    guard targets?.contains(where: { $0.hasPrefix("https:") }) != true else { return }
    for name in Self.tlsKeys {
      guard let setting = section.setting(name) else { continue }
      findings.warning(setting.place, "`\(name)` has no effect without a target `https://…` in `to`")
    }
  }
}
