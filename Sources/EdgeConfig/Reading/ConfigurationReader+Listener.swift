internal import Policy

extension ConfigurationReader {
  func listener() -> ListenerConfiguration {
    let isInsecure = section.flag("insecure_server") ?? false
    let certificates = certificates()
    if certificates.isEmpty, !isInsecure, !hasCertificateKeys {
      findings.warning(
        section.place, "no certificate for `address`: visitors get one made at the start, which browsers refuse",
        "set `certificate_file` and `certificate_key_file`, or `insecure_server: true` behind a TLS terminator of your own"
      )
    }
    var headers = section.headers("set_response_headers")
    let isDisabled = securityHeadersAreOff(headers)
    headers.removeAll { $0.name.lowercased() == "disable" }
    return ListenerConfiguration(
      address: section.address("address") ?? ListenAddress(host: "", port: 443),
      redirectAddress: redirectAddress(isInsecure), isInsecure: isInsecure, certificates: certificates,
      clientCertificates: clientCertificates(isInsecure: isInsecure), trustedProxies: trustedProxies(),
      trustedHops: trustedHops(), skipsForwardedAppend: section.flag("skip_xff_append") ?? false,
      usesProxyProtocol: visitorsComeThroughProxies(),
      readTimeout: section.duration("timeout_read") ?? 0,
      maxConnections: section.number("max_connections", in: 16...1_000_000),
      maxConnectionsPerSource: section.number("per_source_max_connections", in: 0...1_000_000),
      writeTimeout: section.duration("timeout_write") ?? 0, idleTimeout: section.duration("timeout_idle") ?? 0,
      upstreamTimeout: section.duration("default_upstream_timeout") ?? 0, responseHeaders: headers,
      pages: PagesConfiguration(errorPages: section.errorPages(), contact: contact()), addsSecurityHeaders: !isDisabled)
  }

  /// `disable` among the headers to set is none of them.
  private func securityHeadersAreOff(_ headers: [HeaderSetting]) -> Bool {
    guard let disable = headers.first(where: { $0.name.lowercased() == "disable" }) else { return false }
    if disable.value != "true", disable.value != "false", let setting = section.setting("set_response_headers") {
      section.error(
        setting, "`disable` is true or false, not `\(disable.value)`", "it turns the default security headers off")
    }
    return disable.value == "true"
  }

  private func redirectAddress(_ isInsecure: Bool) -> ListenAddress? {
    guard let address = section.address("http_redirect_addr", defaultPort: 80) else { return nil }
    if isInsecure, let setting = section.setting("http_redirect_addr") {
      section.error(
        setting, "with `insecure_server` nothing is served by HTTPS here",
        "whoever ends TLS before the edge redirects, too")
    }
    return address
  }

  /// It ends up in the middle of a sentence.
  private func contact() -> String? {
    guard let setting = section.setting("contact"), let text = section.text("contact")?.trimmingBlanks else {
      return nil
    }
    guard !text.isEmpty, text.count <= 200, !text.contains(where: \.isNewline) else {
      section.error(
        setting, "expected one line of at most 200 characters", "as `it@example.com` or `the IT desk, room 12`")
      return nil
    }
    return text
  }

  private func visitorsComeThroughProxies() -> Bool {
    let isOn = section.flag("use_proxy_protocol") ?? false
    if isOn, !section.isWritten("trusted_proxies"), let setting = section.setting("use_proxy_protocol") {
      section.error(
        setting, "nobody is trusted to say whom a connection is from", "name the proxies in `trusted_proxies`")
    }
    return isOn
  }

  private func trustedHops() -> Int {
    let hops = section.number("xff_num_trusted_hops", in: 0...100)
    for name in ["xff_num_trusted_hops", "skip_xff_append"] {
      guard let setting = section.setting(name), hops > 0 || name == "skip_xff_append" && section.flag(name) == true,
        !section.isWritten("trusted_proxies")
      else { continue }
      section.error(
        setting, "nobody's `X-Forwarded-For` is believed, so none counts", "name the proxies in `trusted_proxies`")
    }
    return hops
  }

  private func trustedProxies() -> [AddressRange] {
    section.texts("trusted_proxies").compactMap { proxy in
      if let range = AddressRange(proxy.text) { return range }
      findings.error(
        proxy.place, "`\(proxy.text)` is neither an IP address nor a CIDR block", "as 10.0.0.0/8 or 2001:db8::1")
      return nil
    }
  }

  private var hasCertificateKeys: Bool {
    ["certificate", "certificate_key", "certificate_file", "certificate_key_file", "certificates"].contains {
      section.isWritten($0)
    }
  }

  /// The single pair first: it is the one for names that no certificate has.
  private func certificates() -> [CertificateConfiguration] {
    var found: [CertificateConfiguration] = []
    for (certificate, key) in [("certificate", "certificate_key"), ("certificate_file", "certificate_key_file")] {
      switch (section.setting(certificate), section.setting(key)) {
      case (nil, nil): break
      case (let setting?, nil): section.error(setting, "its key is missing", "set `\(key)`")
      case (nil, let setting?): section.error(setting, "its certificate is missing", "set `\(certificate)`")
      case (let certificate?, let key?):
        if let pair = pair(certificate.node, certificate.place, key.node, key.place) { found.append(pair) }
      }
    }
    guard let setting = section.setting("certificates") else { return found }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list of objects with `cert` and `key`, not \(setting.node.kind)")
      return found
    }
    for node in nodes {
      let place = Place(source: setting.place.source, position: node.position)
      guard let certificate = node["cert"], let key = node["key"] else {
        findings.error(place, "`certificates`: each entry needs `cert` and `key`")
        continue
      }
      for entry in node.mapping ?? [] where !["cert", "key", "ocsp_staple_file"].contains(entry.key) {
        findings.warning(
          Place(source: place.source, position: entry.keyPosition), "unknown key `\(entry.key)`: it has no effect",
          "`cert`, `key` and `ocsp_staple_file` are known")
      }
      let certificatePlace = Place(source: place.source, position: certificate.position)
      let keyPlace = Place(source: place.source, position: key.position)
      if var pair = pair(certificate, certificatePlace, key, keyPlace) {
        pair.ocspResponse = node["ocsp_staple_file"].flatMap { staple($0, place.source) }
        found.append(pair)
      }
    }
    return found
  }

  /// The bytes of a staple: it is renewed every few days, so it is a file.
  private func staple(_ node: YAMLNode, _ source: String) -> [UInt8]? {
    let place = Place(source: source, position: node.position)
    guard let path = node.text else {
      findings.error(place, "`ocsp_staple_file`: expected a path, not \(node.kind)")
      return nil
    }
    switch section.context.read(path) {
    case .success(let content): return content.bytes
    case .failure(let failure):
      findings.error(place, "cannot read `\(path)`: \(failure.words)")
      return nil
    }
  }

  /// Each a path, a PEM or base64 of one.
  private func pair(
    _ certificate: YAMLNode, _ certificatePlace: Place, _ key: YAMLNode, _ keyPlace: Place
  ) -> CertificateConfiguration? {
    guard let certificateText = certificate.text, let keyText = key.text else {
      findings.error(certificatePlace, "a certificate and its key are texts: paths, PEM or base64 of it")
      return nil
    }
    let isInline = section.pem(from: certificateText) != nil
    let chain =
      section.pem(from: certificateText)
      ?? section.context.text(of: certificateText, namedAt: certificatePlace).flatMap { text in
        if let pem = section.pem(from: text) { return pem }
        findings.error(certificatePlace, "`\(certificateText)` is no certificate in PEM form")
        return nil
      }
    let keyIsInline = section.pem(from: keyText) != nil
    let keySource =
      keyIsInline ? keyText : section.context.keyText(of: keyText, namedAt: keyPlace, .ownerAndGroup)
    let privateKey = keySource.flatMap {
      section.privateKey($0, name: keyIsInline ? "the key of the certificate" : keyText, at: keyPlace)
    }
    guard let chain, let privateKey else { return nil }
    guard chain.contains("-----BEGIN CERTIFICATE-----") else {
      findings.error(certificatePlace, "no certificate in it", "it begins with -----BEGIN CERTIFICATE-----")
      return nil
    }
    return CertificateConfiguration(
      certificatePEM: chain, keyPEM: privateKey.pem, name: isInline ? "certificate" : certificateText,
      place: "\(certificatePlace)")
  }
}
