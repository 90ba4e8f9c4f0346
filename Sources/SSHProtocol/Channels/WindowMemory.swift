import Synchronization

/// What the receive windows of all connections may announce together: bytes that we promised to take and would have to
/// keep if every visitor stopped reading at once (ssh.md 3.2). Shared by all loops.
package final class WindowMemory: Sendable {
  private let bound: Atomic<Int>
  private let taken = Atomic<Int>(0)

  package init(limit: Int) { bound = Atomic(limit) }

  package var limit: Int { bound.load(ordering: .relaxed) }
  package var reserved: Int { taken.load(ordering: .relaxed) }

  /// A lower limit takes nothing back; windows shrink as their bytes are consumed.
  package func setLimit(_ limit: Int) { bound.store(limit, ordering: .relaxed) }

  /// Whether `count` more fit below this many eighths of the limit; they are reserved then.
  func reserve(_ count: Int, eighths: Int) -> Bool {
    let most = limit / 8 * eighths
    var present = taken.load(ordering: .relaxed)
    while present + count <= most {
      let (exchanged, original) = taken.weakCompareExchange(
        expected: present, desired: present + count, ordering: .relaxed)
      if exchanged { return true }
      present = original
    }
    return false
  }

  /// For bytes that are here already.
  package func add(_ count: Int) { taken.wrappingAdd(count, ordering: .relaxed) }
  package func release(_ count: Int) { taken.wrappingSubtract(count, ordering: .relaxed) }
}

/// The part of `WindowMemory` that one connection has, within a limit of its own.
struct WindowShare: ~Copyable {
  private(set) var reserved = 0
  private let limit: Int
  private let memory: WindowMemory

  /// A window smaller than a packet would make the peer cut its data small.
  static let smallest: UInt32 = 32 * 1024

  init(limit: Int, memory: WindowMemory) {
    self.limit = limit
    self.memory = memory
  }

  deinit { memory.release(reserved) }

  /// So little is left that windows shrink where they can.
  var isShort: Bool { reserved > limit / 8 * 7 || memory.reserved > memory.limit / 8 * 7 }

  /// The window of a new channel: as large as wanted, or small when memory is short; nil when there is none at all.
  mutating func open(_ wanted: UInt32) -> UInt32? {
    if reserve(wanted, eighths: 7) { return wanted }
    let small = min(wanted, WindowShare.smallest)
    return reserve(small, eighths: 8) ? small : nil
  }

  /// Leaves room for channels to come.
  mutating func grow(by count: UInt32) -> Bool { reserve(count, eighths: 6) }

  private mutating func reserve(_ count: UInt32, eighths: Int) -> Bool {
    guard reserved + Int(count) <= limit / 8 * eighths, memory.reserve(Int(count), eighths: eighths) else {
      return false
    }
    reserved += Int(count)
    return true
  }

  mutating func release(_ count: UInt32) {
    reserved -= Int(count)
    memory.release(Int(count))
  }
}
