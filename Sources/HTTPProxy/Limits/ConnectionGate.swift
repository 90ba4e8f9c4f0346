import Policy
import Synchronization

/// Counts visitors' connections: all of them, and those of each address, so that nobody takes every place.
///
/// Beyond a limit a few more are let in to be told so; the rest is closed at once, since a TLS handshake for each would be
/// what an attacker wants.
final class ConnectionGate: Sendable {
  enum Verdict {
    case admitted(ConnectionPlace)
    /// To be answered with this, and then to go.
    case turnedAway(VisitorRefusal, ConnectionPlace)
    case closed(VisitorLimit)
  }

  /// How many are told that there are too many, over all and of one address.
  static let toldBeyond = 64
  static let toldBeyondPerSource = 4

  private let sources = Mutex<[SourceBlock: Int]>([:])
  private let places = Atomic<Int>(0)

  /// Connections that are counted here. Those that are still to say whom they are from are not.
  var count: Int { places.load(ordering: .relaxed) }

  /// Whether it is time for those without a request to make room.
  func isCrowded(_ limits: ConnectionLimits) -> Bool { count > limits.total / 8 * 7 }

  func enter(_ address: String, _ limits: ConnectionLimits) -> Verdict {
    let total = places.wrappingAdd(1, ordering: .relaxed).newValue
    guard total <= limits.total + Self.toldBeyond else {
      places.wrappingSubtract(1, ordering: .relaxed)
      return .closed(.connections)
    }
    guard let source = limits.source(of: address) else {
      return total <= limits.total ? .admitted(place(nil)) : .turnedAway(.edgeIsFull, place(nil))
    }
    let ofSource = sources.withLock { sources in
      let count = sources[source, default: 0] + 1
      if count <= limits.perSource + Self.toldBeyondPerSource { sources[source] = count }
      return count
    }
    guard ofSource <= limits.perSource + Self.toldBeyondPerSource else {
      places.wrappingSubtract(1, ordering: .relaxed)
      return .closed(.sourceConnections)
    }
    if ofSource > limits.perSource { return .turnedAway(.tooManyConnections, place(source)) }
    return total <= limits.total ? .admitted(place(source)) : .turnedAway(.edgeIsFull, place(source))
  }

  private func place(_ source: SourceBlock?) -> ConnectionPlace { ConnectionPlace(gate: self, source: source) }

  fileprivate func leave(_ source: SourceBlock?) {
    places.wrappingSubtract(1, ordering: .relaxed)
    guard let source else { return }
    sources.withLock { sources in
      guard let count = sources[source] else { return }
      sources[source] = count > 1 ? count - 1 : nil
    }
  }
}

/// One connection, counted until `leave`.
struct ConnectionPlace: Sendable {
  fileprivate let gate: ConnectionGate
  fileprivate let source: SourceBlock?

  /// Called once, when the connection is closed.
  func leave() { gate.leave(source) }
}

/// How many connections visitors may have.
package struct ConnectionLimits: Sendable {
  /// `max_connections`.
  package var total = 16_384
  /// `per_source_max_connections`; 0 is no limit. One IPv6 customer has a /64.
  package var perSource = 4096
  /// Addresses that stand for many people: proxies, and this machine.
  package var exempt = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

  package init() {}

  /// As whom an address is counted; `nil` where it is not.
  func source(of address: String) -> SourceBlock? {
    guard perSource > 0, let ip = IPAddress(address), !exempt.contains(where: { $0.contains(ip) }) else { return nil }
    return SourceBlock(ip)
  }
}
