/// Whose requests a connection carries, and whether it takes more of them.
struct ConnectionUse {
  /// So many requests given up, and more than half of all: services count them (CVE-2023-44487), and end a connection of which
  /// it is too many, with everybody's requests on it. Before that it takes no more, and ends when the last of them is done.
  static let mostGivenUp = 100

  /// For one exchange and no other.
  var isAlone = false
  private var begun = 0
  private var givenUp = 0
  /// Whose requests alone it carries (`tunnel_pool: session`).
  private var session: String?
  private var isTainted = false

  var hasServed: Bool { begun > 0 }

  private var isWornOut: Bool { givenUp >= Self.mostGivenUp && givenUp > begun / 2 }

  /// Whether another request may ever go this way.
  func takesMore(_ mode: HTTPProxyConfiguration.TunnelPool) -> Bool {
    !isTainted && !isWornOut && !(hasServed && (isAlone || mode == .off))
  }

  /// Whether one of this session may.
  func takes(_ session: String?, _ mode: HTTPProxyConfiguration.TunnelPool) -> Bool {
    guard takesMore(mode) else { return false }
    return mode != .session || !hasServed || (session != nil && self.session == session)
  }

  mutating func willCarry(_ session: String?) {
    if !hasServed { self.session = session }
  }

  mutating func noteBegun() { begun += 1 }
  mutating func noteGivenUp() { givenUp += 1 }
  mutating func taint() { isTainted = true }
}
