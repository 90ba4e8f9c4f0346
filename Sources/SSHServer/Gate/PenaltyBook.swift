import Policy
import SSHProtocol

/// Who is turned away at the door and until when, and who is known because somebody signed in from there.
struct PenaltyBook: Sendable {
  /// How long a source stays known after a sign-in: a day, so that yesterday's office is still the office this morning.
  private static let knownFor = UInt64.seconds(24 * 3600)
  private static let knownSources = 16_384

  /// The term reached `minimum` and counts until its end (OpenSSH: `active`).
  private struct Term {
    var counts: Bool
  }

  private var penalties: SourcePenalties?
  private var terms4: ExpiringSources<Term>
  private var terms6: ExpiringSources<Term>
  private var known4 = ExpiringSources<Void>(capacity: knownSources)
  private var known6 = ExpiringSources<Void>(capacity: knownSources)

  init(_ penalties: SourcePenalties?) {
    self.penalties = penalties
    terms4 = ExpiringSources(capacity: penalties?.maximumIPv4Sources ?? 1)
    terms6 = ExpiringSources(capacity: penalties?.maximumIPv6Sources ?? 1)
  }

  /// What has been written down is kept under the new rules; without any rules it is forgotten.
  mutating func configure(_ penalties: SourcePenalties?) {
    guard let penalties else { return self.penalties = nil }
    if self.penalties == nil {
      terms4 = ExpiringSources(capacity: penalties.maximumIPv4Sources)
      terms6 = ExpiringSources(capacity: penalties.maximumIPv6Sources)
    }
    terms4.resize(to: penalties.maximumIPv4Sources)
    terms6.resize(to: penalties.maximumIPv6Sources)
    self.penalties = penalties
  }

  /// How long the source is now shut out, in seconds, if that begins with this misconduct.
  mutating func add(_ misconduct: Misconduct, by source: SourceBlock, now: UInt64) -> Int? {
    guard let penalties, let amount = penalties.amounts[misconduct], amount > 0 else { return nil }
    let before = term(of: source, now: now)
    let until = min(
      max(before?.until ?? now, now) + .seconds(UInt64(amount)), now + .seconds(UInt64(penalties.maximum)))
    let didCount = before?.value.counts ?? false
    let counts = didCount || until - now >= .seconds(UInt64(penalties.minimum))
    let term = Term(counts: counts)
    if source.isIPv4 {
      terms4.set(source, term, until: until, now: now)
    } else {
      terms6.set(source, term, until: until, now: now)
    }
    return counts && !didCount ? Int((until - now) / .seconds(1)) : nil
  }

  func isPenalised(_ source: SourceBlock, now: UInt64) -> Bool {
    penalties != nil && term(of: source, now: now)?.value.counts == true
  }

  func isKnown(_ source: SourceBlock, now: UInt64) -> Bool {
    (source.isIPv4 ? known4.find(source, now: now) : known6.find(source, now: now)) != nil
  }

  /// Somebody signed in from there: what was before is forgotten.
  mutating func clear(_ source: SourceBlock, now: UInt64) {
    if source.isIPv4 {
      terms4.remove(source)
      known4.set(source, (), until: now + Self.knownFor, now: now)
    } else {
      terms6.remove(source)
      known6.set(source, (), until: now + Self.knownFor, now: now)
    }
  }

  private func term(of source: SourceBlock, now: UInt64) -> (value: Term, until: UInt64)? {
    source.isIPv4 ? terms4.find(source, now: now) : terms6.find(source, now: now)
  }
}
