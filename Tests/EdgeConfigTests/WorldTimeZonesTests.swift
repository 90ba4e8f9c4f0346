import Testing

@testable import EdgeConfig
@testable import Policy

@Suite struct WorldTimeZonesTests {
  /// Nine in the morning is another moment in summer; forty years ahead, too.
  @Test(arguments: [
    ("Europe/Zurich", "2027-03-28T00:59:59Z", 3600), ("Europe/Zurich", "2027-03-28T01:00:00Z", 7200),
    ("Europe/Zurich", "2027-10-31T01:00:00Z", 3600), ("America/Phoenix", "2027-07-01T00:00:00Z", -25_200),
    ("Asia/Kathmandu", "2027-01-01T00:00:00Z", 20_700), ("Europe/Zurich", "2066-07-01T00:00:00Z", 7200),
  ])
  func offsetsAreThoseOfThePlace(_ name: String, _ moment: String, _ offset: Int64) throws {
    let rules = try #require(WorldTimeZones.rules(name))
    #expect(rules.name == name)
    let time = try #require(TimeText.date(moment))
    #expect(rules.offset(at: time).seconds == offset)
  }

  @Test(arguments: ["CEST", "EST", "Mars/Olympus", "", "/", "Europe/Zurich2"])
  func whatIsNoPlaceIsNotGuessed(_ name: String) { #expect(WorldTimeZones.rules(name) == nil) }
}
