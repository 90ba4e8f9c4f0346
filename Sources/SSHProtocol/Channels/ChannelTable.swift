/// Numbers to channels: dense, the lowest free number first. A number is free again after both CLOSEs.
struct ChannelTable {
  private var slots: [Channel?] = []
  private var generation: UInt32 = 0
  private var lowestFree = 0
  private(set) var count = 0

  /// Reserves the lowest free number.
  mutating func insert(_ make: (ChannelID) -> Channel) -> Channel {
    var index = lowestFree
    while index < slots.count, slots[index] != nil { index += 1 }
    generation &+= 1
    let channel = make(ChannelID(number: UInt32(truncatingIfNeeded: index), generation: generation))
    if index == slots.count {
      slots.append(channel)
    } else {
      slots[index] = channel
    }
    lowestFree = index + 1
    count += 1
    return channel
  }

  /// By the number a peer uses; nil when there is none.
  subscript(number: UInt32) -> Channel? {
    let index = Int(number)
    guard index < slots.count else { return nil }
    return slots[index]
  }

  /// By identity; nil when it is over, whoever has its number now.
  subscript(id: ChannelID) -> Channel? {
    guard let channel = self[id.number], channel.id == id else { return nil }
    return channel
  }

  /// Whether a channel ever had this number: a message that crossed its end may still name it.
  func hasKnown(_ number: UInt32) -> Bool { Int(number) < slots.count }

  mutating func remove(_ channel: Channel) {
    let index = Int(channel.id.number)
    guard index < slots.count, slots[index] === channel else { return }
    slots[index] = nil
    count -= 1
    lowestFree = min(lowestFree, index)
  }

  var all: [Channel] { slots.compactMap { $0 } }
}
