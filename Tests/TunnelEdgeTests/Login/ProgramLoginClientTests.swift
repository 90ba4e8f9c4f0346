import EdgeCrypto
import Foundation
import Testing

@testable import TunnelEdge

struct ProgramLoginClientTests {
  private static let token = "te_login_" + Base64.encodeURL([UInt8](repeating: 7, count: 32))

  private func login(_ host: String?, route: String = "https://app.example.com") throws -> KeptLogin {
    var members: [String: Any] = [
      "token": Self.token, "expires_at_seconds": 1_900_000_000, "user": "ann", "route": route,
    ]
    if let host { members["host"] = host }
    let body = try JSONSerialization.data(withJSONObject: members)
    return try ProgramLoginClient.login(
      status: 200, Array(body), from: "https://auth.example.com", for: try LoginAddress("https://app.example.com/x"))
  }

  @Test func aTokenIsKeptForTheHostThatWasAsked() throws {
    let kept = try login("app.example.com")
    #expect(kept.token == Self.token && kept.origin == "https://app.example.com")
    #expect(kept.authenticateOrigin == "https://auth.example.com")
  }

  /// A page that hands out the sign-in link of somebody else's edge would be shown their token by every script.
  @Test(arguments: ["other.example.com", "", nil]) func aTokenForAnotherHostIsGivenBack(_ host: String?) throws {
    let failure = #expect(throws: ProgramLoginClient.Failure.self) { try login(host) }
    #expect(
      failure?.unwanted?.token == Self.token && failure?.unwanted?.authenticateOrigin == "https://auth.example.com")
    #expect(failure?.description.contains(Self.token) == false)
  }

  /// Security rule 34.
  @Test func whatIsSaidToATerminalIsPrintable() throws {
    #expect(try login("app.example.com", route: "x\u{1B}[2J").route == "x\\u{1b}[2J")
  }
}
