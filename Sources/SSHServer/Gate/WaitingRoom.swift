import DequeModule
import Policy
import SSHProtocol

/// The connections that have proved no key yet, in the order they came, and whose turn it is to leave when others find no
/// room.
struct WaitingRoom: Sendable {
  /// What a connection may take before it must make room for others, if they need it: a client sends everything up to the
  /// key exchange by itself; then a person may be reading a fingerprint or typing a passphrase.
  static let patienceBeforeKeys = UInt64.seconds(10)
  static let patienceWithKeys = UInt64.seconds(30)
  /// How many of one source are looked at.
  private static let looked = 32

  private struct Guest {
    let source: SourceBlock?
    let since: UInt64
    var hasKeys = false
    let connection: ConnectionHandle

    func isOverdue(_ now: UInt64) -> Bool {
      since + (hasKeys ? WaitingRoom.patienceWithKeys : WaitingRoom.patienceBeforeKeys) <= now
    }
  }

  private var guests: [UInt64: Guest] = [:]
  private var bySource: [SourceBlock: [UInt64]] = [:]
  /// May hold numbers of guests who have gone, or gone on.
  private var withoutKeys = Deque<UInt64>()
  private var withKeys = Deque<UInt64>()

  var count: Int { guests.count }

  func count(of source: SourceBlock) -> Int { bySource[source]?.count ?? 0 }

  mutating func enter(_ number: UInt64, from source: SourceBlock?, _ connection: ConnectionHandle, now: UInt64) {
    guests[number] = Guest(source: source, since: now, connection: connection)
    if let source { bySource[source, default: []].append(number) }
    withoutKeys.append(number)
    compact()
  }

  mutating func exchangedKeys(_ number: UInt64) {
    guard guests[number]?.hasKeys == false else { return }
    guests[number]?.hasKeys = true
    withKeys.append(number)
  }

  @discardableResult
  mutating func leave(_ number: UInt64) -> ConnectionHandle? {
    guard let guest = guests.removeValue(forKey: number) else { return nil }
    if let source = guest.source, var numbers = bySource.removeValue(forKey: source) {
      if let place = numbers.firstIndex(of: number) { numbers.remove(at: place) }
      if !numbers.isEmpty { bySource[source] = numbers }
    }
    return guest.connection
  }

  /// Takes out the one that has waited longest, if it has had its time; first one without keys.
  mutating func dismissOverdue(now: UInt64) -> ConnectionHandle? {
    while let number = withoutKeys.first {
      guard let guest = guests[number], !guest.hasKeys else {
        withoutKeys.removeFirst()
        continue
      }
      if guest.isOverdue(now) { return leave(number) }
      break
    }
    while let number = withKeys.first {
      guard let guest = guests[number] else {
        withKeys.removeFirst()
        continue
      }
      return guest.isOverdue(now) ? leave(number) : nil
    }
    return nil
  }

  mutating func dismissOverdue(of source: SourceBlock, now: UInt64) -> ConnectionHandle? {
    let number = bySource[source]?.prefix(Self.looked).first { guests[$0]?.isOverdue(now) == true }
    return number.flatMap { leave($0) }
  }

  /// Numbers of the gone are taken out when they are the greater part, which costs each newcomer the same.
  private mutating func compact() {
    if withoutKeys.count > 2 * guests.count + 64 { withoutKeys.removeAll { guests[$0]?.hasKeys != false } }
    if withKeys.count > 2 * guests.count + 64 { withKeys.removeAll { guests[$0] == nil } }
  }
}
