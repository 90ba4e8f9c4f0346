import DequeModule

/// How many channels a client is asked to hold at once, and who waits for a place (ssh.md 3.4 and 3.5).
///
/// Every channel costs the client a descriptor, and clients have few: 256 on macOS, 64 in some services. The first refusal
/// for want of them tells how many there are; from then on fewer are used, and one more each minute. Streams that stay
/// open for as long as a visitor likes do not get the last places.
struct ChannelPlaces<Request> {
  /// Who waits.
  struct Waiting {
    let number: UInt64
    let isLasting: Bool
    /// Nanoseconds of the monotonic clock.
    let since: UInt64
    let request: Request
  }

  /// Kept free of lasting streams.
  static var reserve: Int { 8 }
  static var queueLimit: Int { 512 }
  static var patience: UInt64 { 10_000_000_000 }
  private static var growthInterval: UInt64 { 60_000_000_000 }

  /// How many at most; less than set once the client has run out.
  private(set) var cap: Int
  private let most: Int
  private var changedAt: UInt64 = 0
  private var plain = Deque<Waiting>()
  private var lasting = Deque<Waiting>()
  private var nextNumber: UInt64 = 0

  init(most: Int) {
    self.most = most
    cap = most
  }

  var waitingCount: Int { plain.count + lasting.count }
  var isWaitedFor: Bool { !plain.isEmpty || !lasting.isEmpty }
  var oldestSince: UInt64? {
    guard let first = plain.first else { return lasting.first?.since }
    return min(first.since, lasting.first?.since ?? first.since)
  }

  /// How many of the places lasting streams may have.
  var lastingCap: Int { max(cap - Self.reserve, cap / 2) }

  /// Whether one more may be opened now without anybody being passed over.
  mutating func hasRoom(isLasting: Bool, taken: Int, takenByLasting: Int, now: UInt64) -> Bool {
    grow(now)
    guard isLasting ? lasting.isEmpty : plain.isEmpty else { return false }
    return fits(isLasting: isLasting, taken: taken, takenByLasting: takenByLasting)
  }

  private func fits(isLasting: Bool, taken: Int, takenByLasting: Int) -> Bool {
    taken < cap && (!isLasting || takenByLasting < lastingCap)
  }

  /// Its number in the queue; nil when the queue is full.
  mutating func wait(_ request: Request, isLasting: Bool, now: UInt64) -> UInt64? {
    guard waitingCount < Self.queueLimit else { return nil }
    nextNumber += 1
    let entry = Waiting(number: nextNumber, isLasting: isLasting, since: now, request: request)
    if isLasting { lasting.append(entry) } else { plain.append(entry) }
    return nextNumber
  }

  /// Before everybody else: it had a place already, and the client refused.
  mutating func waitFirst(_ request: Request, isLasting: Bool, since: UInt64) -> UInt64 {
    nextNumber += 1
    let entry = Waiting(number: nextNumber, isLasting: isLasting, since: since, request: request)
    if isLasting { lasting.prepend(entry) } else { plain.prepend(entry) }
    return nextNumber
  }

  /// Who may open a channel now, in the order of arrival.
  mutating func next(taken: Int, takenByLasting: Int, now: UInt64) -> Waiting? {
    grow(now)
    let mayLast = fits(isLasting: true, taken: taken, takenByLasting: takenByLasting)
    if let first = lasting.first, mayLast, first.since < plain.first?.since ?? .max { return lasting.popFirst() }
    return taken < cap ? plain.popFirst() : nil
  }

  mutating func remove(_ number: UInt64) -> Waiting? {
    if let index = plain.firstIndex(where: { $0.number == number }) { return plain.remove(at: index) }
    if let index = lasting.firstIndex(where: { $0.number == number }) { return lasting.remove(at: index) }
    return nil
  }

  /// Who has waited too long.
  mutating func expired(now: UInt64) -> [Waiting] {
    var result: [Waiting] = []
    while let first = plain.first, first.since + Self.patience <= now {
      plain.removeFirst()
      result.append(first)
    }
    while let first = lasting.first, first.since + Self.patience <= now {
      lasting.removeFirst()
      result.append(first)
    }
    return result
  }

  mutating func removeAll() -> [Waiting] {
    let all = Array(plain) + Array(lasting)
    plain.removeAll()
    lasting.removeAll()
    return all
  }

  /// The client ran out with so many open: a tenth fewer from now on.
  mutating func ranOut(taken: Int, now: UInt64) {
    grow(now)
    let fewer = max(1, taken - max(1, taken / 10))
    guard fewer < cap else { return }
    cap = fewer
    changedAt = now
  }

  private mutating func grow(_ now: UInt64) {
    guard cap < most, now >= changedAt + Self.growthInterval else { return }
    let steps = Int(clamping: (now - changedAt) / Self.growthInterval)
    cap = min(most, cap + steps)
    changedAt += UInt64(steps) * Self.growthInterval
  }
}
