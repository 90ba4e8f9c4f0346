/// What a peer may still send, for one stream or for the connection (RFC 9113 section 5.2).
///
/// Credit is given back when the bytes were taken by whoever wanted them. The window doubles while its reader keeps up and
/// the peer uses it whole: a long path needs room, a slow reader must not get it.
struct HTTP2ReceiveWindow {
  private(set) var size: Int
  private let largest: Int
  /// What the peer may send now.
  private var available: Int
  /// Received and not yet taken.
  private(set) var unread = 0
  /// Taken and not yet given back.
  private var taken = 0

  init(size: Int, largest: Int) {
    self.size = size
    self.largest = largest
    available = size
  }

  /// Whether the peer was allowed to send this much.
  mutating func receive(_ count: Int) -> Bool {
    guard count <= available else { return false }
    available -= count
    unread += count
    return true
  }

  /// The bytes were taken. What is returned is to be announced now; 0 for nothing yet. The window grows by `room` at most.
  mutating func consume(_ count: Int, growingBy room: Int = .max) -> Int {
    let count = min(count, unread)
    unread -= count
    taken += count
    guard taken >= size / 2 else { return 0 }
    var increment = taken
    if unread == 0, available <= size / 2, size < largest, room > 0 {
      let grown = min(largest, size + min(size, room))
      increment += grown - size
      size = grown
    }
    taken = 0
    available += increment
    return increment
  }
}
