import Policy

/// Tells a provider that answers nobody's questions from one that refuses those about one person, who may have brought that
/// about: whoever uses up what they may ask of GitHub an hour must not keep a right that was taken from them (security
/// rule 30). One for each client; of the people it has seen it knows the last two.
struct RefusalWatch: Sendable {
  enum Verdict: Sendable, Equatable {
    /// What is known of the person is too old to go on with.
    case tooOld
    /// It may serve until then.
    case serves(until: UnixTime)
  }

  private struct Seen: Sendable {
    var person: String
    var at: UnixTime
  }

  /// In seconds: how old the claims may be of somebody about whom alone the provider says nothing.
  static let longestAge: Int64 = 600
  /// In seconds: where it refuses others as well, and confirms nobody.
  static let longestCommonAge: Int64 = 3600
  /// In seconds: how long a refusal must last that comes when the claims are too old already, after an outage of the provider
  /// or of the edge: many ask at once then, and the first 429 is nobody's doing.
  static let shortestRefusal: Int64 = 120

  private var confirmed: [Seen] = []
  private var refused: [Seen] = []

  mutating func confirm(_ person: String, at now: UnixTime) { Self.note(person, now, in: &confirmed) }

  /// - Parameters:
  ///   - since: when the provider last said who they are.
  ///   - refusedSince: when it first refused to, after that.
  mutating func refuse(_ person: String, since: UnixTime, refusedSince: UnixTime, at now: UnixTime) -> Verdict {
    Self.note(person, now, in: &refused)
    let refusesOthers = refusesOthers(than: person, at: now)
    let confirmsOthers = confirmsOthers(than: person, since: refusedSince)
    let age = refusesOthers && !confirmsOthers ? Self.longestCommonAge : Self.longestAge
    let oldest = since.adding(seconds: age)
    let end = refusedSince < oldest ? oldest : refusedSince.adding(seconds: Self.shortestRefusal)
    return now < end ? .serves(until: end) : .tooOld
  }

  /// Whether it is known how the provider answers about others than `person`, since it refused to about them.
  func knowsOthers(than person: String, since refusedSince: UnixTime, at now: UnixTime) -> Bool {
    refusesOthers(than: person, at: now) || confirmsOthers(than: person, since: refusedSince)
  }

  private func refusesOthers(than person: String, at now: UnixTime) -> Bool {
    refused.contains { $0.person != person && now < $0.at.adding(seconds: Self.longestAge) }
  }

  private func confirmsOthers(than person: String, since refusedSince: UnixTime) -> Bool {
    confirmed.contains { $0.person != person && $0.at >= refusedSince }
  }

  private static func note(_ person: String, _ now: UnixTime, in seen: inout [Seen]) {
    seen.removeAll { $0.person == person }
    seen = [Seen(person: person, at: now)] + seen.prefix(1)
  }
}
