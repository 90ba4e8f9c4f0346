import Testing

@testable import SSHServer

struct ClientHintTests {
  @Test(arguments: [
    ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", false), ("SSH-2.0-OpenSSH_9.4", false), ("SSH-2.0-OpenSSH_9.5p1", true),
    ("SSH-2.0-OpenSSH_9.9", true), ("SSH-2.0-OpenSSH_10.0p2 Debian-7", true), ("SSH-2.0-OpenSSH_10.1", false),
    ("SSH-2.0-OpenSSH_for_Windows_9.5", true), ("SSH-2.0-OpenSSH_for_Windows_8.1", false),
    ("SSH-2.0-PuTTY_Release_0.78", false), ("SSH-2.0-OpenSSH_", false),
    ("SSH-2.0-OpenSSH_99999999999999999999.5", false),
    ("", false),
  ])
  func onlyClientsThatDelayAreTold(_ identification: String, _ isTold: Bool) {
    #expect(ClientHint.lines(for: identification).isEmpty != isTold)
  }

  @Test func theEnvironmentIsBounded() {
    var environment = SessionEnvironment()
    let taken = ["LANG", "LC_ALL", "TE_X"].map { environment.set($0, "C") }
    let refused = ["PATH", "LD_PRELOAD", "TERM", "", "lang"].map { environment.set($0, "x") }
    #expect(taken == [true, true, true] && !refused.contains(true))
    let more = (0..<70).map { environment.set("LC_\($0)", "x") }
    #expect(more.count(where: \.self) == 61)
    let again = environment.set("LC_0", "another")
    #expect(again)
    var large = SessionEnvironment()
    let sizes = [("LC_A", 32_000), ("LC_B", 900), ("LC_A", 5), ("LC_B", 900)].map {
      large.set($0.0, String(repeating: "x", count: $0.1))
    }
    #expect(sizes == [true, false, true, true])
  }
}
