import Policy
import Testing

struct SubjectTests {
  private func person(_ userID: String, issuer: String = "https://issuer.example", account: String? = nil) -> Subject {
    Subject(
      sessionID: "s", issuer: issuer, userID: userID, email: nil, emailIsTrusted: false, serviceAccount: account,
      expiresAt: UnixTime(seconds: 1))
  }

  /// A name is leased to a person (security rule 1): one who looks alike is another one.
  @Test func identifiersAreComparedByteForByte() {
    #expect(person("a").isSamePerson(as: person("a")))
    #expect(!person("a").isSamePerson(as: person("a", issuer: "https://other.example")))
    #expect(!person("a").isSamePerson(as: person("a", account: "ci")))
    #expect(person("a", account: "ci").isSamePerson(as: person("a", account: "ci")))
    #expect(!person("ren\u{E9}").isSamePerson(as: person("rene\u{301}")))
    #expect(!person("a", account: "\u{E9}").isSamePerson(as: person("a", account: "e\u{301}")))
  }
}
