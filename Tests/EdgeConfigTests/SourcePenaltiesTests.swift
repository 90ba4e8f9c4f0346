import Testing

@testable import EdgeConfig

/// `ssh_per_source_penalties`, as sshd_config writes it.
@Suite struct SourcePenaltiesTests {
  private func read(_ text: String) throws -> SourcePenaltiesConfiguration? { try SourcePenaltiesText.read(text) }

  @Test func `what is left out keeps its default`() throws {
    var expected = SourcePenaltiesConfiguration()
    #expect(try read("yes") == expected)
    expected.authfail = 30
    expected.maximum = 3600
    #expect(try read("authfail:30s max:1h") == expected)
    #expect(try read("  authfail:30   max:3600 ") == expected)
  }

  @Test func `the default of the table is the default of the values`() throws {
    let preset = ConfigurationKey.all.first { $0.name == "ssh_per_source_penalties" }?.defaultText
    #expect(try read(#require(preset)) == SourcePenaltiesConfiguration())
  }

  @Test(arguments: ["no", "false"]) func `nobody is penalised`(_ text: String) throws {
    #expect(try read(text) == nil)
  }

  @Test(arguments: [
    "", " ", "maybe", "authfail", "authfail:", "authfail:-1s", "authfail:1.5s", "authfail:5s authfail:5s",
    "authfail:25h", "authfail:99999999999999999999", "authfail:9223372036854775807",
    "max:5s", "min:0s", "max-sources4:0",
    "max-sources4:x", "max-sources6:99999999999", "invaliduser:5s", "overflow:deny-all", "overflow:permissive", "no no",
    "crash:90s,authfail:5s",
  ])
  func `what makes no sense is refused with words`(_ text: String) {
    #expect(throws: SourcePenaltiesText.Mistake.self) { try read(text) }
  }

  @Test func `a proxy needs somebody to trust it`() {
    let ssh = "ssh_address: :22\nssh_host_key_files: [/etc/pomerium/keys/pomerium_ssh_host_rsa_key]\n"
    let alone = load(base + ssh + "ssh_use_proxy_protocol: true\n")
    #expect(alone.errors.first?.message.contains("nobody may announce addresses") == true)
    let trusted = load(base + ssh + "trusted_proxies: [192.0.2.0/24]\nssh_use_proxy_protocol: true\n")
    #expect(trusted.configuration?.ssh?.usesProxyProtocol == true)
  }
}
