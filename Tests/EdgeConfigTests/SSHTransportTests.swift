import Testing

@testable import EdgeConfig

@Suite("keys of the ssh transport")
struct SSHTransportTests {
  private static let ssh = "ssh_address: :22\nssh_host_key_files: [/etc/pomerium/keys/pomerium_ssh_host_rsa_key]\n"

  @Test("a rekey limit is an amount and perhaps a time, as sshd_config has it")
  func rekeyLimits() throws {
    for (text, bytes, interval) in [
      ("default 1h", nil, 3_600_000), ("default none", nil, nil), ("default", nil, nil), ("1G", 1 << 30, nil),
      ("16 10s", 16, 10_000), ("512k 30m", 512 << 10, 1_800_000), ("3M  none", 3 << 20, nil),
    ] as [(String, UInt64?, Milliseconds?)] {
      let loaded = load(base + Self.ssh + "ssh_rekey_limit: \(text)\n")
      let transport = try #require(loaded.configuration?.ssh?.transport, "\(text): \(loaded.diagnostics)")
      #expect(transport.rekeyBytes == bytes, "\(text)")
      #expect(transport.rekeyInterval == interval, "\(text)")
    }
    let usual = try #require(load(base + Self.ssh).configuration?.ssh?.transport)
    #expect(usual.rekeyBytes == nil)
    #expect(usual.rekeyInterval == 3_600_000)
    #expect(!usual.requiresStrictKeyExchange && !usual.offersGroup18)
  }

  @Test(
    "what is none is refused with an example",
    arguments: [
      "15", "1T", "G", "-1", "1.5G", "99999999999999999999", "18446744073709551615G", "default 9s", "default 1", "1 h",
      "1G 1h x", "\"\"",
    ])
  func wrongRekeyLimits(text: String) {
    let loaded = load(base + Self.ssh + "ssh_rekey_limit: \(text)\n")
    #expect(loaded.configuration == nil)
    #expect(loaded.diagnostics.contains { "\($0)".contains("ssh_rekey_limit") && "\($0)".contains("1G none") })
  }

  @Test("only group 18 can be added")
  func additionalExchanges() {
    let right = load(base + Self.ssh + "ssh_additional_kex_algorithms: [diffie-hellman-group18-sha512]\n")
    #expect(right.configuration?.ssh?.transport.offersGroup18 == true)
    let wrong = load(base + Self.ssh + "ssh_additional_kex_algorithms: [diffie-hellman-group1-sha1]\n")
    #expect(wrong.configuration == nil)
    #expect(wrong.diagnostics.contains { "\($0)".contains("group1-sha1") })
  }
}
