import Policy

/// Something about sources, each until a time of its own. Bounded, and every operation takes constant time: a hand goes
/// around the table, and each newcomer clears away what has ended among the next few. When the table is full, the one of
/// these few that ends first makes room.
struct ExpiringSources<Value: Sendable>: Sendable {
  private struct Entry {
    var source: SourceBlock
    var value: Value
    var until: UInt64
  }

  private static var looked: Int { 8 }

  private var places: [SourceBlock: Int] = [:]
  private var entries: [Entry] = []
  private var hand = 0
  private var capacity: Int

  init(capacity: Int) { self.capacity = max(1, capacity) }

  var count: Int { entries.count }

  /// What is there now and not over yet.
  func find(_ source: SourceBlock, now: UInt64) -> (value: Value, until: UInt64)? {
    guard let place = places[source], entries[place].until > now else { return nil }
    return (entries[place].value, entries[place].until)
  }

  mutating func set(_ source: SourceBlock, _ value: Value, until: UInt64, now: UInt64) {
    if let place = places[source] {
      entries[place].value = value
      entries[place].until = until
      return
    }
    makeRoom(now: now)
    places[source] = entries.count
    entries.append(Entry(source: source, value: value, until: until))
  }

  mutating func remove(_ source: SourceBlock) {
    if let place = places[source] { remove(at: place) }
  }

  mutating func resize(to capacity: Int) {
    self.capacity = max(1, capacity)
    while entries.count > self.capacity { remove(at: entries.count - 1) }
  }

  private mutating func makeRoom(now: UInt64) {
    var first: (source: SourceBlock, until: UInt64)?
    for _ in 0..<min(Self.looked, entries.count) {
      if hand >= entries.count { hand = 0 }
      let entry = entries[hand]
      if entry.until <= now {
        // The last one takes its place and is looked at next.
        remove(at: hand)
        if entries.isEmpty { break }
        continue
      }
      if first.map({ entry.until < $0.until }) ?? true { first = (entry.source, entry.until) }
      hand += 1
    }
    if entries.count >= capacity, let first { remove(first.source) }
  }

  private mutating func remove(at place: Int) {
    places[entries[place].source] = nil
    let last = entries.removeLast()
    guard place < entries.count else { return }
    entries[place] = last
    places[last.source] = place
  }
}
