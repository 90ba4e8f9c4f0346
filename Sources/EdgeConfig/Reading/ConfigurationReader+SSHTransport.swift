extension ConfigurationReader {
  func sshTransport() -> SSHTransportConfiguration {
    let limit = rekeyLimit()
    return SSHTransportConfiguration(
      requiresStrictKeyExchange: section.flag("ssh_require_strict_kex") ?? false, offersGroup18: offersGroup18(),
      rekeyBytes: limit.bytes, rekeyInterval: limit.interval)
  }

  private static let group18 = "diffie-hellman-group18-sha512"

  private func offersGroup18() -> Bool {
    guard section.isWritten("ssh_additional_kex_algorithms") else { return false }
    var offers = false
    for name in section.texts("ssh_additional_kex_algorithms") {
      if name.text == Self.group18 {
        offers = true
      } else {
        section.findings.error(
          name.place, "`ssh_additional_kex_algorithms`: `\(name.text)` is not possible", "only `\(Self.group18)` is")
      }
    }
    return offers
  }

  /// As `RekeyLimit` of sshd_config: an amount, and perhaps a time.
  private func rekeyLimit() -> (bytes: UInt64?, interval: Milliseconds?) {
    guard let text = section.text("ssh_rekey_limit") else { return (nil, nil) }
    let words = text.split(separator: " ").map(String.init)
    guard let first = words.first, words.count <= 2, let bytes = Self.rekeyBytes(first) else {
      return wrongRekeyLimit("`\(text)` is no amount, or no amount and time")
    }
    guard words.count == 2, words[1] != "none" else { return (bytes, nil) }
    guard let interval = milliseconds(fromDuration: words[1]), interval >= 10_000 else {
      return wrongRekeyLimit("`\(words[1])` is no duration of at least 10s")
    }
    return (bytes, interval)
  }

  private func wrongRekeyLimit(_ why: String) -> (UInt64?, Milliseconds?) {
    if let setting = section.setting("ssh_rekey_limit") { section.error(setting, why, "as `default 1h` or `1G none`") }
    return (nil, nil)
  }

  /// `default`, or a number with K, M or G; OpenSSH's least is 16 bytes. Nil in a nil: by cipher.
  private static func rekeyBytes(_ text: String) -> UInt64?? {
    if text == "default" { return .some(nil) }
    let shift: Int
    switch text.last {
    case "K", "k": shift = 10
    case "M", "m": shift = 20
    case "G", "g": shift = 30
    default: shift = 0
    }
    guard let number = UInt64(shift == 0 ? text : String(text.dropLast())), number <= 1 << 30 else { return nil }
    let bytes = number << UInt64(shift)
    return bytes >= 16 ? .some(bytes) : nil
  }
}
