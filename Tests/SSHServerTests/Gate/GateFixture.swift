import EdgeCrypto
import NIOCore
import NIOEmbedded
import Policy
import SSHProtocol
import Synchronization

@testable import SSHServer

/// A gate whose time and luck belong to the test.
final class GateFixture: Sendable {
  let gate: ConnectionGate
  let loop = EmbeddedEventLoop()
  private let time: TimeAndLuck

  init(_ change: (inout SSHServerConfiguration) -> Void = { _ in }) {
    var configuration = SSHServerConfiguration(addresses: [], hostKeys: [])
    change(&configuration)
    let time = TimeAndLuck()
    gate = ConnectionGate(configuration, random: { time.random($0) }, clock: { time.now.load(ordering: .relaxed) })
    self.time = time
  }

  private final class TimeAndLuck: Sendable {
    let now = Atomic<UInt64>(1_000_000_000_000)
    /// The draw of a hundred, for the odds and for the share.
    let luck = Atomic<Int>(99)
    func random(_ count: Int) -> [UInt8] {
      let draw = luck.load(ordering: .relaxed) * 101
      return (0..<count).reversed().map { UInt8(truncatingIfNeeded: draw >> ($0 * 8)) }
    }
  }

  func pass(_ seconds: Double) { time.now.add(UInt64(seconds * 1e9), ordering: .relaxed) }
  /// 0 is refused wherever some are, 99 only where all are.
  func draw(_ hundredth: Int) { time.luck.store(hundredth, ordering: .relaxed) }

  func come(_ address: String) -> GateTicket? {
    guard case .admitted(let ticket) = gate.enter(address, ConnectionHandle(id: address, eventLoop: loop)) else {
      return nil
    }
    return ticket
  }

  func refusal(_ address: String) -> GateRefusal? {
    switch gate.enter(address, ConnectionHandle(id: address, eventLoop: loop)) {
    case .refused(let refusal, _): refusal
    case .admitted: nil
    }
  }

  /// Comes and goes.
  @discardableResult
  func offend(_ address: String, _ misconduct: Misconduct?) -> Int? {
    guard var ticket = come(address) else { return nil }
    return gate.leave(&ticket, misconduct)
  }

  func signIn(_ address: String, as name: String = "ann") -> GateTicket? {
    guard var ticket = come(address), gate.signedIn(&ticket, testSubject(name)) else { return nil }
    return ticket
  }
}
