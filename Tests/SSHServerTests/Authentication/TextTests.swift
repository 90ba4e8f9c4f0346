import Policy
import Testing

@testable import SSHServer

struct TextTests {
  @Test(
    arguments: [
      ("alice", "alice", nil), ("alice@web1", "alice", "web1"), ("alice@corp@web1", "alice@corp", "web1"),
      ("alice@", "alice", nil), ("@web1", "", "web1"),
    ] as [(String, String, String?)])
  func loginNamesAreSplitAtTheLastAt(_ text: String, _ user: String, _ route: String?) {
    let name = LoginName(text)
    #expect(name.user == user && name.route == route)
  }

  @Test(
    arguments: [
      (0, "1970-01-01 00:00 UTC"), (951_782_399, "2000-02-28 23:59 UTC"), (951_782_400, "2000-02-29 00:00 UTC"),
      (1_795_268_733, "2026-11-21 13:45 UTC"), (4_102_444_799, "2099-12-31 23:59 UTC"),
    ] as [(Int64, String)])
  func timesAreReadable(_ seconds: Int64, _ text: String) {
    #expect(CalendarTime(UnixTime(seconds: seconds)).description == text)
  }

  @Test func originatorsAreAlwaysALiteralAndAPort() {
    #expect(Originator(address: "192.0.2.1", port: 80).address == "192.0.2.1")
    #expect(Originator(address: "2001:db8::1", port: 80).address == "2001:db8::1")
    #expect(Originator(address: "fe80::1%eth0", port: 80).address == "fe80::1")
    let unknown = Originator(address: "visitor.example", port: 0)
    #expect(unknown.address == "127.0.0.1" && unknown.port == 1)
  }
}
