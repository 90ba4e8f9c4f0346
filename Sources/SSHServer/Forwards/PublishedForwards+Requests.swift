import Policy
import Routing
import SSHProtocol

/// What a `tcpip-forward` is granted.
extension PublishedForwards {
  struct Granted {
    /// Told to the client only when it asked for port 0.
    let allocatedPort: UInt32?
    let bound: [Forward.Bound]
  }

  func request(_ address: ForwardAddress, by publisher: Publisher, maxForwards: Int, permission: ForwardPermission)
    -> Result<Granted, ForwardRefusal>
  {
    let result = grant(address, publisher, maxForwards: maxForwards, permission: permission)
    if case .failure(let refusal) = result {
      refused(refusal, Self.describe(address), explain(refusal, address, publisher))
    }
    return result
  }

  func refused(_ refusal: ForwardRefusal, _ what: String, _ explanation: DecisionExplanation? = nil) {
    surroundings.events(.refused(reason: refusal.name), nil, what, explanation)
  }

  /// What the policy of the route that was named says, where that was the reason.
  private func explain(_ refusal: ForwardRefusal, _ address: ForwardAddress, _ publisher: Publisher)
    -> DecisionExplanation?
  {
    guard case .notAvailable(.notPermitted, _) = refusal else { return nil }
    let forward = Forward(
      address: address, name: ForwardName(host: address.host, port: Int(address.port)), pinnedRoute: nil,
      destination: .fixed)
    return forward.routes(in: surroundings.routes.current()).first.map {
      publisher.explain($0, .name(forward.boundName(on: $0).description), now: surroundings.clock())
    }
  }

  private func grant(_ address: ForwardAddress, _ publisher: Publisher, maxForwards: Int, permission: ForwardPermission)
    -> Result<Granted, ForwardRefusal>
  {
    if case .refused(let refusal) = permission { return .failure(refusal) }
    guard forwards[address] == nil else { return .failure(.duplicate) }
    guard forwards.count < maxForwards else { return .failure(.limit(maxForwards)) }
    let table = surroundings.routes.current()
    let now = surroundings.clock()
    return make(address, publisher, table, now: now).flatMap { bindAll($0, publisher, table, now: now) }
      .map { forward in
        add(forward)
        return Granted(
          allocatedPort: address.port == 0 ? forward.address.port : nil, bound: forward.bound)
      }
  }

  /// The forward that this address means, not yet bound to anything.
  private func make(_ address: ForwardAddress, _ publisher: Publisher, _ table: RouteTable, now: UnixTime)
    -> Result<Forward, ForwardRefusal>
  {
    let name = ForwardName(host: address.host, port: Int(address.port))
    switch name.meaning {
    case .invalid: return .failure(notAvailable(.unknown, address))
    case .unnamed:
      guard address.port == 443 else { return .failure(notAvailable(.unknown, address)) }
      let possible = publisher.publishable(in: table, now: now).filter(\.route.origin.scheme.isWeb)
      guard let choice = WelcomeBanner.unnamedChoice(publisher, routes: possible.map(\.route)) else {
        return .failure(.needsName(Self.namesToType(possible)))
      }
      return .success(Forward(address: address, name: name, pinnedRoute: choice.id, destination: .fixed))
    case .dynamic:
      guard let port = freePort() else { return .failure(.limit(forwards.count)) }
      return .success(
        Forward(
          address: ForwardAddress(host: address.host, port: port), name: name, pinnedRoute: nil, destination: .unknown))
    case .host, .wildcard:
      return .success(Forward(address: address, name: name, pinnedRoute: nil, destination: .fixed))
    }
  }

  private func bindAll(_ forward: Forward, _ publisher: Publisher, _ table: RouteTable, now: UnixTime)
    -> Result<Forward, ForwardRefusal>
  {
    var forward = forward
    let named = forward.routes(in: table)
    let allowed = named.filter { isAllowed($0, forward, publisher, now: now) }
    var refusal = notAvailable(named.isEmpty ? .unknown : .notPermitted, forward)
    var held: [Route] = []
    for route in allowed {
      switch bind(route, forward: &forward, publisher, waits: false) {
      case .success: break
      case .failure(.heldByAnother):
        held.append(route)
        refusal = notAvailable(.heldByAnother, forward)
      case .failure(.duplicate): refusal = .duplicate
      case .failure(.limit(let most)): refusal = .limit(most)
      }
    }
    guard !forward.bindings.isEmpty else { return .failure(refusal) }
    // Granted in part: it takes the rest as soon as their holders go.
    for route in held { _ = bind(route, forward: &forward, publisher, waits: true) }
    return .success(forward)
  }

  private func notAvailable(_ cause: ForwardRefusal.Cause, _ forward: Forward) -> ForwardRefusal {
    forward.name.requestedPort == 0
      ? .notAvailable(cause, hasUsualPort: true) : notAvailable(cause, forward.address)
  }

  /// The text depends on what was typed only, never on what there is (security rule 3).
  private func notAvailable(_ cause: ForwardRefusal.Cause, _ address: ForwardAddress) -> ForwardRefusal {
    .notAvailable(cause, hasUsualPort: [0, 22, 443].contains(address.port))
  }

  private static func namesToType(_ routes: [PublishableRoute]) -> [String] {
    var names: [String] = []
    for host in routes.lazy.flatMap(\.hosts) {
      let name = host.replacing("*", with: "NAME")
      if !names.contains(name) { names.append(name) }
      // More are not told.
      if names.count == 3 { break }
    }
    return names
  }

  /// A port nobody listens on: it only has to be unique on this connection (RFC 4254 section 7.1).
  private func freePort() -> UInt32? {
    for _ in 0..<64 {
      let drawn = surroundings.random(2).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let port = 32_768 + drawn % 32_768
      if !forwards.keys.contains(where: { $0.port == port }) { return port }
    }
    return nil
  }
}
