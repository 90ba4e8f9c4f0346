internal import Policy

extension ConfigurationReader {
  func ssh() -> SSHConfiguration? {
    guard let setting = section.setting("ssh_address") else {
      for name in [
        "ssh_host_key_files", "ssh_host_keys", "ssh_host_certificate_files", "ssh_user_ca_key_file", "ssh_user_ca_key",
      ] {
        guard let setting = section.setting(name) else { continue }
        findings.warning(setting.place, "`\(name)` has no effect without `ssh_address`")
      }
      return nil
    }
    let hostKeys = hostKeys()
    if hostKeys.isEmpty, !hasHostKeySettings {
      section.error(
        setting, "ssh needs host keys: set `ssh_host_key_files`", "make them with: tunnel-edge keygen --dir keys/")
    }
    let configuration = SSHConfiguration(
      address: section.address("ssh_address", defaultPort: 22) ?? ListenAddress(host: "", port: 22), hostKeys: hostKeys,
      hostCertificates: hostCertificates(),
      userCAKey: section.privateKey("ssh_user_ca_key", .ownerOnly),
      loginGraceTime: positive("ssh_login_grace_time"), signInTimeout: positive("ssh_sign_in_timeout"),
      maxStartups: maxStartups(), sources: sourceLimits(),
      maxConnectionsPerUser: section.number("ssh_max_connections_per_user", in: 1...1_000_000),
      usesProxyProtocol: usesProxyProtocol(), maxForwards: section.number("ssh_max_forwards", in: 0...65535),
      maxChannels: section.number("ssh_max_channels", in: 4...4096),
      windowMemory: section.number("ssh_window_memory", in: 0...1_048_576) << 20,
      keepaliveInterval: section.duration("ssh_keepalive_interval") ?? 0,
      prefersAESGCM: section.flag("ssh_prefer_aes_gcm"), transport: sshTransport(),
      newSource: section.choice("ssh_new_source").flatMap(SSHConfiguration.NewSourceRule.init(rawValue:)) ?? .notify,
      signInCheck: section.choice("ssh_sign_in_check").flatMap(SSHConfiguration.SignInCheck.init(rawValue:)) ?? .auto)
    return configuration
  }

  private var hasHostKeySettings: Bool {
    section.setting("ssh_host_key_files")?.node.sequence?.isEmpty == false
      || section.setting("ssh_host_keys")?.node.sequence?.isEmpty == false
      || section.setting("ssh_host_key_files")?.node.text != nil || section.setting("ssh_host_keys")?.node.text != nil
  }

  private func hostKeys() -> [PrivateKeyText] {
    var keys: [PrivateKeyText] = []
    if section.isWritten("ssh_host_key_files") {
      for file in section.texts("ssh_host_key_files") {
        guard let text = section.context.keyText(of: file.text, namedAt: file.place, .ownerOnly) else { continue }
        if let key = section.privateKey(text, name: file.text, at: file.place) { keys.append(key) }
      }
    }
    if section.isWritten("ssh_host_keys") {
      for key in section.texts("ssh_host_keys") {
        if let key = section.privateKey(key.text, name: "ssh_host_keys", at: key.place) { keys.append(key) }
      }
    }
    return keys
  }

  private func hostCertificates() -> [CertificateText] {
    guard section.isWritten("ssh_host_certificate_files") else { return [] }
    return section.texts("ssh_host_certificate_files").compactMap { file in
      section.context.text(of: file.text, namedAt: file.place).map {
        CertificateText(line: String($0.prefix { $0 != "\n" && $0 != "\r\n" }), name: file.text)
      }
    }
  }

  /// A time limit that cannot be none.
  private func positive(_ name: String) -> Milliseconds {
    let time = section.duration(name)
    if let setting = section.setting(name), let time, time < 1000 {
      section.error(setting, "must be at least 1s")
    }
    return time ?? 0
  }

  private func maxStartups() -> MaxStartups {
    let fallback = MaxStartups(start: 100, rate: 30, full: 200)
    guard let text = section.text("ssh_max_startups") else { return fallback }
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    if numbers.count == 3, let start = numbers[0], let rate = numbers[1], let full = numbers[2], start > 0,
      full >= start,
      (1...100).contains(rate)
    {
      return MaxStartups(start: start, rate: rate, full: full)
    }
    if numbers.count == 1, let full = numbers[0], full > 0 { return MaxStartups(start: full, rate: 100, full: full) }
    if let setting = section.setting("ssh_max_startups") {
      section.error(setting, "`\(text)` is not start:rate:full", "as 100:30:200, the rate in per cent")
    }
    return fallback
  }
}
