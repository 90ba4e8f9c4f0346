import SSHProtocol

/// Values by channel, found by the channel's number instead of by a hash: looked up for every piece of data.
struct ChannelMap<Value> {
  private var slots: [(id: ChannelID, value: Value)?] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  var values: [Value] { slots.compactMap { $0?.value } }

  /// Nil for an id that is over, whoever has its number now.
  subscript(id: ChannelID) -> Value? {
    get {
      let index = Int(id.number)
      guard index < slots.count, let slot = slots[index], slot.id == id else { return nil }
      return slot.value
    }
    set {
      let index = Int(id.number)
      if let newValue {
        while slots.count <= index { slots.append(nil) }
        if slots[index] == nil { count += 1 }
        slots[index] = (id, newValue)
      } else if self[id] != nil {
        slots[index] = nil
        count -= 1
      }
    }
  }

  mutating func removeValue(forKey id: ChannelID) -> Value? {
    guard let value = self[id] else { return nil }
    self[id] = nil
    return value
  }

  mutating func removeAll() {
    slots = []
    count = 0
  }
}
