/// How much a response is waited for, as its reader says (RFC 9218 section 4).
struct HTTP2Priority: Equatable, Sendable {
  /// 0 is sent first, 7 last.
  private(set) var urgency: UInt8 = 3
  /// Its beginning is of use without its end, so that it takes turns with others of its kind.
  private(set) var isIncremental = false

  /// What counts for a reader who knows of priorities and says nothing (section 4).
  static let usual = HTTP2Priority()
  /// For one who has never said anything: it may be a proxy that brings many people's requests, of whom none is to wait until
  /// another's download is over.
  static let inTurns: HTTP2Priority = {
    var priority = HTTP2Priority()
    priority.isIncremental = true
    return priority
  }()

  /// Lower ranks are sent first; of one rank, those in turns are in odd ones.
  var rank: UInt8 { urgency << 1 | (isIncremental ? 1 : 0) }

  /// Takes over what a `priority` field says. Of one that is no dictionary nothing counts; of a parameter that makes no sense,
  /// what counts without it (section 4).
  mutating func apply(_ field: ArraySlice<UInt8>) {
    var said = self
    var members = StructuredDictionary(field)
    do throws(StructuredDictionary.Malformed) {
      while let (key, value) = try members.next() {
        guard key.count == 1 else { continue }
        switch (field[key.lowerBound], value) {
        case (0x75, .integer(let urgency)) where (0...7).contains(urgency):
          said.urgency = UInt8(truncatingIfNeeded: urgency)
        case (0x75, _): said.urgency = Self.usual.urgency
        case (0x69, .boolean(let isIncremental)): said.isIncremental = isIncremental
        case (0x69, _): said.isIncremental = Self.usual.isIncremental
        default: break
        }
      }
    } catch {
      return
    }
    self = said
  }
}
