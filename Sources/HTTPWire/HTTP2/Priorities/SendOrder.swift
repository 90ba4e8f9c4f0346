import DequeModule

/// The streams of a connection with something to send, and which of them sends the next frame (RFC 9218 section 10): the more
/// urgent first, those of one urgency that are of no use before their end one after the other, the others in turns.
///
/// Nobody waits for ever: while some have precedence, every sixteenth frame is that of whoever has waited longest. A reader who
/// calls everything urgent gets nothing by it from anybody else, and a download nobody is in a hurry for still moves, so that
/// what it holds, of a tunnel for one, is not held without end.
struct SendOrder {
  private struct Place {
    var stream: UInt32
    var rank: UInt8
    /// The turn in which it came to stand here.
    var since: UInt64
  }

  /// The lowest rank first. At most as many as there are streams.
  private var places = Deque<Place>()
  private var turn: UInt64 = 0
  private var precedences = 0
  private static let framesToOne = 16

  var count: Int { places.count }

  /// Whether it is sent before all of the others that wait, and there are such.
  func hasPrecedence(_ stream: UInt32) -> Bool {
    guard let first = places.first, let last = places.last, first.stream == stream else { return false }
    return last.stream != stream && isUneven(first, last)
  }

  /// Turns are just by themselves.
  private func isUneven(_ first: Place, _ last: Place) -> Bool { first.rank != last.rank || first.rank & 1 == 0 }

  /// Gives a stream its place: behind its like, or, where they go one after the other, in the order of their numbers.
  mutating func insert(_ stream: UInt32, _ priority: HTTP2Priority) {
    turn &+= 1
    let place = Place(stream: stream, rank: priority.rank, since: turn)
    var index = places.count
    while index > 0, precedes(place, places[index - 1], inTurns: priority.isIncremental) { index -= 1 }
    places.insert(place, at: index)
  }

  private func precedes(_ place: Place, _ other: Place, inTurns: Bool) -> Bool {
    place.rank == other.rank ? !inTurns && place.stream < other.stream : place.rank < other.rank
  }

  /// Where the next to send stands.
  mutating func next() -> Int {
    guard let first = places.first, let last = places.last, first.stream != last.stream, isUneven(first, last) else {
      return 0
    }
    precedences += 1
    guard precedences >= Self.framesToOne else { return 0 }
    precedences = 0
    return places.indices.min { places[$0].since < places[$1].since } ?? 0
  }

  func stream(at index: Int) -> UInt32 { places[index].stream }

  mutating func remove(at index: Int) { places.remove(at: index) }

  mutating func remove(_ stream: UInt32) {
    guard let index = places.firstIndex(where: { $0.stream == stream }) else { return }
    places.remove(at: index)
  }
}
