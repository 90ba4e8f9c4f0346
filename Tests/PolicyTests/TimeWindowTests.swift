import Testing

@testable import Policy

@Suite struct TimeWindowTests {
  private func time(_ text: String) throws -> UnixTime { try #require(TimeText.date(text)) }

  private func decision(_ policy: String, at time: UnixTime, who: String = "alice") throws -> Decision {
    var parser = PolicyParser(timeZones: AccessPolicyTests.zones)
    let policy = parser.parse(FlowText.parse(policy))
    try #require(parser.errors.isEmpty, "\(parser.errors)")
    var request = People.request(who, "")
    request.subject?.expiresAt = UnixTime(milliseconds: .max)
    request.now = time
    return policy.decide(request)
  }

  /// Whoever waits until `validUntil` and asks again misses no change: compared with asking every minute of four days around
  /// the night when clocks are set forward.
  @Test(arguments: [
    "{time_of_day: {timezone: Europe/Zurich, after: 9:00, before: 5:30 PM}}",
    "{time_of_day: {timezone: Europe/Zurich, after: 2:30, before: 3:30}}",
    "{time_of_day: {timezone: '-09:30', before: 6:00}}",
    "{day_of_week: {days: sun, timezone: Europe/Zurich}}",
    "{day_of_week: 'sat,mon'}",
    "{date: {after: '2027-03-27T22:15:00', before: 2027-03-29}}",
  ])
  func nothingChangesBeforeItIsTold(_ criterion: String) throws {
    let policy = "{allow: {or: [\(criterion)]}}"
    var now = try time("2027-03-26")
    let end = try time("2027-03-30")
    var known = try decision(policy, at: now)
    var changes = 0
    while now < end {
      now = now.adding(seconds: 60)
      if let until = known.validUntil, until <= now {
        let anew = try decision(policy, at: until)
        if anew.isAllowed != known.isAllowed { changes += 1 }
        known = anew
      }
      #expect(try decision(policy, at: now).isAllowed == known.isAllowed, "\(CivilTime(now).text)")
    }
    #expect(changes > 0)
  }

  @Test func theEndOfTheSessionAndTheTimeBothEndADecision() throws {
    let policy = try AccessPolicy(
      parsing: FlowText.parse("{allow: {and: [{authenticated_user: 1}, {date: {before: 2027-01-16}}]}}"))
    var request = People.request("alice", "")
    #expect(policy.decide(request).validUntil == request.subject?.expiresAt)
    request.subject?.expiresAt = try time("2028-01-01")
    #expect(try policy.decide(request).validUntil == time("2027-01-16"))
    #expect(!policy.decide(request).dependsOnRequest)
  }

  @Test func whatNeverHoldsIsTold() {
    for (criterion, warns) in [
      ("date: {after: 2027-01-02, before: 2027-01-01}", true), ("date: {after: 2027-01-01, before: 2027-01-02}", false),
      ("time_of_day: {timezone: UTC, after: '22:00', before: 6:00}", true), ("device: {type: any}", true),
    ] {
      var parser = PolicyParser()
      _ = parser.parse(FlowText.parse("{allow: {or: [{\(criterion)}]}}"))
      #expect(parser.errors.isEmpty)
      #expect(parser.warnings.contains { $0.message.contains("never holds") } == warns, "\(criterion)")
    }
  }

  /// A pattern with many stars costs no more than its bound.
  @Test func aNameThatFitsNowhereIsGivenUp() throws {
    let pattern = try ForwardHostPattern(String(repeating: "*a", count: 40) + ".x")
    let alice = try #require(People.person("alice"))
    #expect(!pattern.matches(String(repeating: "a", count: 250), of: alice))
  }
}
