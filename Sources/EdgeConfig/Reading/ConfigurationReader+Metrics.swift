internal import Policy

extension ConfigurationReader {
  func metrics() -> MetricsConfiguration? {
    let credentials = metricsCredentials()
    guard let address = section.address("metrics_address") else {
      if let setting = section.setting("metrics_basic_auth"), !section.isWritten("metrics_address") {
        findings.warning(setting.place, "`metrics_basic_auth` has no effect without `metrics_address`")
      }
      return nil
    }
    if let setting = section.setting("metrics_address"), !address.isLoopback, !section.isWritten("metrics_basic_auth") {
      section.error(
        setting, "`\(address)` can be reached from elsewhere", "listen on 127.0.0.1, or set `metrics_basic_auth`")
    }
    return MetricsConfiguration(address: address, credentials: credentials)
  }

  /// RFC 7617: the user has no colon, the password may.
  private func metricsCredentials() -> SecretString? {
    guard let setting = section.setting("metrics_basic_auth"), let text = section.text("metrics_basic_auth") else {
      return nil
    }
    let decoded = decodeBase64(text.trimmingBlanks).flatMap { String(validating: $0, as: UTF8.self) }
    guard let decoded, let colon = decoded.firstIndex(of: ":"), colon > decoded.startIndex,
      decoded.index(after: colon) < decoded.endIndex, !decoded.unicodeScalars.contains(where: { $0.value < 0x20 })
    else {
      section.error(setting, "expected base64 of `user:password`", "make one with: printf %s 'user:password' | base64")
      return nil
    }
    return SecretString(decoded)
  }

  /// Security rule 36, for listeners that are not there yet: what is written must be right on the day they come.
  func checkPrivateListeners() {
    for name in ["health_check_addr", "debug_address"] {
      guard let setting = section.setting(name), let address = section.address(name), !address.isLoopback else {
        continue
      }
      section.error(setting, "`\(address)` can be reached from elsewhere", "listen on 127.0.0.1")
    }
  }
}
