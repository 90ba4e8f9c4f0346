import EdgeCrypto
import Testing

@testable import Identity

struct EdgeTokenTests {
  @Test(arguments: EdgeToken.Kind.allCases) func aTokenIsReadBack(kind: EdgeToken.Kind) throws {
    let token = EdgeToken(kind, random: SecureRandom.source)
    #expect(EdgeToken(token.text) == token)
    #expect(token.text.hasPrefix(kind.rawValue) && token.text.utf8.count == kind.rawValue.utf8.count + 43)
    #expect(token.hash == Digest.sha256(token.text))
    #expect(EdgeToken.isOurs(token.text))
    #expect(EdgeToken(kind, random: SecureRandom.source) != token)
  }

  /// Recognised by its beginning, so that no service sees it, and good for nothing.
  @Test(arguments: ["te_login_", "te_login_short", "te_account_" + String(repeating: "!", count: 43)])
  func whatIsBrokenIsStillOurs(text: String) {
    #expect(EdgeToken.isOurs(text))
    #expect(EdgeToken(text) == nil)
  }

  @Test(arguments: ["", "te_", "te_other_AAAA", "TE_LOGIN_AAAA", "eyJhbGciOiJub25lIn0.e30.", " te_login_AAAA"])
  func othersAreNot(text: String) {
    #expect(!EdgeToken.isOurs(text))
    #expect(EdgeToken(text) == nil)
  }
}

struct LoopbackTargetTests {
  @Test(arguments: [
    ("http://localhost:8080/", "http://localhost:8080"), ("http://127.0.0.1:49152/cb?x=1", "http://127.0.0.1:49152"),
    ("http://[::1]:9/", "http://[::1]:9"), ("HTTP://LocalHost:1/", "http://localhost:1"),
    ("https://localhost:8443/cb", "https://localhost:8443"), ("http://localhost", "http://localhost"),
  ])
  func programsOfThisMachine(written: String, origin: String) throws {
    let target = try #require(LoopbackTarget(written))
    #expect(target.origin == origin)
    #expect(target.with("code", "a b").hasPrefix(origin + "/"))
    #expect(target.with("code", "a b").hasSuffix("code=a%20b"))
  }

  /// Everything that some reader takes for another machine, or for this one in disguise.
  @Test(arguments: [
    "http://localhost.evil.example/", "http://localhost.:80/", "http://evil.example/", "http://localhost@evil.example/",
    "http://evil.example@localhost/", "http://127.0.0.1@evil.example/", "http://127.0.0.1.evil.example/",
    "http://127.1/", "http://127.0.0.01/", "http://0127.0.0.1/", "http://0177.0.0.1/", "http://0x7f.0.0.1/",
    "http://2130706433/", "http://127.0.0.2/", "http://0.0.0.0/", "http://0/", "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[0:0:0:0:0:0:0:1]/", "http://[::1]evil/", "http://[::1%25lo]/", "http://\u{FF4C}ocalhost/",
    "http://localhost\\@evil.example/", "http://localhost:80\\.evil.example/", "http://localhost:0/",
    "http://localhost:65536/", "http://localhost:080000/", "http://localhost:/", "http://localhost:80x/",
    "http:///localhost/", "//localhost/", "localhost", "javascript:alert(1)", "file://localhost/etc",
    "http://localhost/#x",
    "http://localhost/\r\nSet-Cookie: a=b", "http://localhost/ x", "http://localhost/?pomerium_jwt=mine",
    "http://localhost/?a=1&code=mine", "http://localhost/?error=x", "",
  ])
  func nothingElse(written: String) {
    #expect(LoopbackTarget(written) == nil)
  }

  @Test func theConfigurationLeavesSomeOut() {
    #expect(LoopbackTarget("http://localhost:1/", allowed: ["127.0.0.1"]) == nil)
    #expect(LoopbackTarget("http://127.0.0.1:1/", allowed: ["127.0.0.1"]) != nil)
    #expect(LoopbackTarget("http://evil.example/", allowed: ["127.0.0.1"]) == nil)
  }

  @Test func itsLengthIsBounded() {
    let long = "http://localhost:1/" + String(repeating: "a", count: LoopbackTarget.maximumLength)
    #expect(LoopbackTarget(long) == nil)
    #expect(LoopbackTarget(String(long.prefix(LoopbackTarget.maximumLength))) != nil)
  }
}
