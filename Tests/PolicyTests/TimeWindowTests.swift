import Testing

@testable import Policy

@Suite struct TimeWindowTests {
  private func time(_ text: String) throws -> UnixTime { try #require(TimeText.date(text)) }

  /// Parsed once: it is asked for every minute of four days.
  private struct Asked {
    let policy: AccessPolicy
    private var request: AccessRequest

    init(_ text: String) throws {
      var parser = PolicyParser(timeZones: People.zones)
      policy = parser.parse(FlowText.parse(text))
      try #require(parser.errors.isEmpty, "\(parser.errors)")
      request = People.request("alice", "")
      request.subject?.expiresAt = UnixTime(milliseconds: .max)
    }

    mutating func decision(at time: UnixTime) -> Decision {
      request.now = time
      return policy.decide(request)
    }
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
    var asked = try Asked("{allow: {or: [\(criterion)]}}")
    var now = try time("2027-03-26")
    let end = try time("2027-03-30")
    var known = asked.decision(at: now)
    var changes = 0
    while now < end {
      now = now.adding(seconds: 60)
      if let until = known.validUntil, until <= now {
        let anew = asked.decision(at: until)
        if anew.isAllowed != known.isAllowed { changes += 1 }
        known = anew
      }
      // Thousands of expectations that hold are slow; one that does not hold is told.
      let isAllowed = asked.decision(at: now).isAllowed
      if isAllowed != known.isAllowed { Issue.record("at \(CivilTime(now).text) it is \(isAllowed)") }
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
      ("time_of_day: {timezone: UTC, after: '22:00', before: 6:00}", true),
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
