import Policy

package struct BindingID: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package var description: String { "binding-\(rawValue)" }
}

/// One connection's tunnel for one route under one name: the snapshot that the registry gives out. Copied with every
/// request, so what never changes is shared.
package struct Binding: Sendable, Identifiable {
  private final class Fixed: Sendable {
    let id: BindingID
    let request: BindingRequest
    let openedAt: UnixTime
    let counters = BindingCounters()
    let health = MemberHealth()
    let ownerHash: UInt64

    init(id: BindingID, request: BindingRequest, openedAt: UnixTime) {
      self.id = id
      self.request = request
      self.openedAt = openedAt
      ownerHash = StableHash(request.owner.issuer, request.owner.userID, request.owner.serviceAccount ?? "").value
    }
  }

  private let fixed: Fixed
  package var state: BindingState
  /// Whether several people may back the route at once; follows the configuration.
  package internal(set) var isShared: Bool

  init(id: BindingID, request: BindingRequest, openedAt: UnixTime) {
    fixed = Fixed(id: id, request: request, openedAt: openedAt)
    state = .attached
    isShared = request.isShared
  }

  package var id: BindingID { fixed.id }
  package var routeID: RouteID { fixed.request.routeID }
  /// The name it answers to: a concrete one, or a wildcard route's own pattern.
  package var name: HostPattern { fixed.request.name }
  /// Where visitors find it.
  package var origin: RouteOrigin {
    RouteOrigin(scheme: fixed.request.scheme, host: fixed.request.name, port: fixed.request.port)
  }
  /// What the client asked for, byte for byte; opens repeat it.
  package var requestedHost: String { fixed.request.requestedHost }
  package var requestedPort: Int { fixed.request.requestedPort }
  package var owner: Subject { fixed.request.owner }
  package var connectionID: String { fixed.request.connectionID }
  package var openedAt: UnixTime { fixed.openedAt }
  package var opener: any StreamOpener { fixed.request.opener }
  package var counters: BindingCounters { fixed.counters }
  /// Of the service behind it, where the route asks for checks.
  package var health: MemberHealth { fixed.health }
  package var traffic: TunnelTraffic { fixed.request.traffic }
  var probe: @Sendable () -> Void { fixed.request.probe }
  var whenFree: @Sendable () -> Void { fixed.request.whenFree }
  /// Called when checks find the service behind it in another state.
  package var healthChanged: @Sendable () -> Void { fixed.request.healthChanged }
  var isStillAllowed: @Sendable () -> Bool { fixed.request.isStillAllowed }
  /// The same for all bindings of one person, in every process and run.
  var ownerHash: UInt64 { fixed.ownerHash }
  func isOwned(by other: Binding) -> Bool { ownerHash == other.ownerHash && owner.isSamePerson(as: other.owner) }
  /// Whether it is of the same person as this one, if it matters whose it is.
  func isOf(_ person: Binding?) -> Bool { person.map { isOwned(by: $0) } ?? true }
}

package enum BindingState: Sendable, Hashable {
  /// Visitors' requests go to it.
  case attached
  /// It stays with its connection, and no visitor reaches it.
  case detached(DetachReason)

  package var isAttached: Bool { self == .attached }
}

package enum DetachReason: String, Sendable, Hashable {
  /// The publish policy no longer allows its owner.
  case notPermitted = "its owner may no longer publish it"
  /// The configuration no longer has the route.
  case routeGone = "the route is gone"
  /// Somebody else took the route while this binding was detached.
  case heldByAnother = "somebody else publishes it now"
}

/// Why a binding ends; only a lost connection leaves a lease (product.md, fine point 8).
package enum BindingRelease: Sendable, Hashable {
  case connectionLost
  /// The client said goodbye, or we did.
  case disconnected
  case cancelled
}

/// What a connection wants to publish.
package struct BindingRequest: Sendable {
  package var routeID: RouteID
  package var name: HostPattern
  /// The route's scheme, and the port written in its `from`.
  package var scheme: RouteOrigin.Scheme
  package var port: Int?
  /// Whether several people may back the route at once.
  package var isShared: Bool
  package var requestedHost: String
  package var requestedPort: Int
  package var owner: Subject
  package var connectionID: String
  package var opener: any StreamOpener
  /// Asks the connection to prove that its client is still there. Called when the same person binds the name again;
  /// the connection answers with `TunnelRegistry.confirm(connectionID:)`, or ends within two seconds.
  package var probe: @Sendable () -> Void
  /// Of the connection: where its requests are told.
  package var traffic: TunnelTraffic
  /// Called once when somebody else's tunnel that kept this one away may have gone: ask again.
  package var whenFree: @Sendable () -> Void
  /// Whether its person may publish the route now; asked once the connection is gone, while the name is kept for them.
  package var isStillAllowed: @Sendable () -> Bool = { true }
  /// Called when checks find the service behind it in another state (`Binding.health`).
  package var healthChanged: @Sendable () -> Void = {}

  package init(
    routeID: RouteID, name: HostPattern, scheme: RouteOrigin.Scheme = .https, port: Int? = nil, isShared: Bool,
    requestedHost: String, requestedPort: Int, owner: Subject, connectionID: String, opener: any StreamOpener,
    probe: @escaping @Sendable () -> Void, traffic: TunnelTraffic = TunnelTraffic(),
    whenFree: @escaping @Sendable () -> Void = {}
  ) {
    self.routeID = routeID
    self.name = name
    self.scheme = scheme
    self.port = port
    self.isShared = isShared
    self.requestedHost = requestedHost
    self.requestedPort = requestedPort
    self.owner = owner
    self.connectionID = connectionID
    self.opener = opener
    self.probe = probe
    self.traffic = traffic
    self.whenFree = whenFree
  }
}

package enum BindingResult: Sendable {
  case bound(Binding)
  case refused(BindingRefusal)
}

package enum BindingRefusal: Error, Sendable, Hashable {
  /// Another person's tunnel backs the name, or did until a moment ago (security rule 1).
  case heldByAnother(displayName: String)
  /// This connection backs the route under this name already.
  case duplicate
  /// The connection has this many bindings already.
  case limit(Int)
}
