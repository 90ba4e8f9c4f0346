import DequeModule

/// Work that waits, taken in turns: one piece of each source that has some, however much one of them has.
struct FairQueue<Source: Hashable, Work> {
  private var waiting: [Source: Deque<Work>] = [:]
  /// Whose turn it is next. Exactly the sources that have something waiting.
  private var turns = Deque<Source>()
  private(set) var count = 0

  mutating func append(_ work: Work, of source: Source) {
    if waiting[source] == nil { turns.append(source) }
    waiting[source, default: []].append(work)
    count += 1
  }

  mutating func next() -> Work? {
    guard let source = turns.popFirst(), var pieces = waiting.removeValue(forKey: source),
      let work = pieces.popFirst()
    else { return nil }
    if !pieces.isEmpty {
      waiting[source] = pieces
      turns.append(source)
    }
    count -= 1
    return work
  }

  /// For want of room: the newest piece of whoever has most waiting, if that is two more than `source` has. Who asks for
  /// little finds room whoever asks for much. Looks at all sources, so only to be called when the queue is full.
  mutating func giveWay(to source: Source) -> Work? {
    let own = waiting[source]?.count ?? 0
    guard let greatest = waiting.max(by: { $0.value.count < $1.value.count }), greatest.value.count > own + 1 else {
      return nil
    }
    count -= 1
    return waiting[greatest.key]?.popLast()
  }
}
