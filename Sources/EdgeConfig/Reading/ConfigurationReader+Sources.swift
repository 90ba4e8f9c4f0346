internal import Policy

/// The limits of one source, and who may speak for others.
extension ConfigurationReader {
  func sourceLimits() -> SourceLimitsConfiguration {
    let block = blockSize()
    return SourceLimitsConfiguration(
      maxStartups: section.number("ssh_per_source_max_startups", in: 0...65535), ipv4Block: block.ipv4,
      ipv6Block: block.ipv6, penalties: penalties(), exempt: exemptSources())
  }

  private func penalties() -> SourcePenaltiesConfiguration? {
    guard let text = section.text("ssh_per_source_penalties") else { return nil }
    do throws(SourcePenaltiesText.Mistake) {
      return try SourcePenaltiesText.read(text)
    } catch {
      if let setting = section.setting("ssh_per_source_penalties") {
        section.error(setting, error.message, error.suggestion)
      }
      return nil
    }
  }

  private func blockSize() -> (ipv4: Int, ipv6: Int) {
    let fallback = (ipv4: 32, ipv6: 64)
    guard let text = section.text("ssh_per_source_net_block_size") else { return fallback }
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    if let first = numbers.first, let ipv4 = first, (1...32).contains(ipv4) {
      // As in sshd_config, the second may be left out.
      if numbers.count == 1 { return (ipv4, fallback.ipv6) }
      if numbers.count == 2, let ipv6 = numbers[1], (1...128).contains(ipv6) { return (ipv4, ipv6) }
    }
    if let setting = section.setting("ssh_per_source_net_block_size") {
      section.error(setting, "`\(text)` is not two prefix lengths", "as 32:64, the first for IPv4, the second for IPv6")
    }
    return fallback
  }

  private func exemptSources() -> [AddressRange] {
    section.texts("ssh_per_source_penalty_exempt_list").compactMap { entry in
      if let range = AddressRange(entry.text) { return range }
      findings.error(
        entry.place, "`ssh_per_source_penalty_exempt_list`: `\(entry.text)` is neither an IP address nor a CIDR block",
        "as 10.0.0.0/8 or 2001:db8::1")
      return nil
    }
  }

  func usesProxyProtocol() -> Bool {
    guard section.flag("ssh_use_proxy_protocol") == true else { return false }
    if section.texts("trusted_proxies").isEmpty, let setting = section.setting("ssh_use_proxy_protocol") {
      section.error(
        setting, "nobody may announce addresses", "list the proxies before the ssh port in `trusted_proxies`")
    }
    return true
  }
}
