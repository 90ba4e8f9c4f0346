import EdgeCrypto
import NIOCore
import Policy
import Routing
import SSHProtocol
import Testing

@testable import SSHServer

/// What a `tcpip-forward` is granted and told (ssh.md section 3.3), without a connection.
struct PublishedForwardsTests {
  /// One connection of somebody's, and what it did.
  final class Publishing {
    let forwards: PublishedForwards
    var publisher: Publisher
    let events = EventLog<TunnelEvent.Kind>()
    let freed = EventLog<Bool>()

    init(_ name: String, _ edge: Forwarding, connection: String, serviceAccount: String? = nil) throws {
      var subject = testSubject(name, session: "session-\(name)")
      subject.serviceAccount = serviceAccount
      publisher = Publisher(
        subject: subject, username: name, key: SSHPublicKey(try PrivateKey.generate(.ed25519).publicKey),
        sourceAddress: "192.0.2.1")
      let events = events
      let freed = freed
      forwards = PublishedForwards(
        .init(
          routes: edge.routes, registry: edge.registry, connectionID: connection, clock: edge.clock,
          random: SecureRandom.source, opener: { _, _ in NoTunnel() }, probe: {}, whenFree: { freed.append(true) },
          healthChanged: { _, _ in {} }, traffic: TunnelTraffic(), events: { kind, _, _, _ in events.append(kind) }))
    }

    func request(_ host: String, _ port: UInt32, most: Int = 128, permission: ForwardPermission = .granted)
      -> Result<PublishedForwards.Granted, ForwardRefusal>
    {
      forwards.request(
        ForwardAddress(host: host, port: port), by: publisher, maxForwards: most, permission: permission)
    }

    /// The URLs that were bound, or why none was.
    func outcome(_ host: String, _ port: UInt32) -> [String] {
      switch request(host, port) {
      case .success(let granted): granted.bound.map(\.url)
      case .failure(let refusal): [refusal.text]
      }
    }
  }

  final class Forwarding {
    let routes: CurrentRoutes
    let registry: TunnelRegistry
    let clock: UnixClock = { UnixTime(seconds: 1000) }

    init(_ list: [Route], reserved: [String] = []) {
      routes = CurrentRoutes(
        RouteTable(routes: list, generation: 1, reservedHosts: Set(reserved.compactMap { HostName($0) })))
      registry = TunnelRegistry(clock: clock)
    }
  }

  private struct NoTunnel: StreamOpener {
    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      eventLoop.makeFailedFuture(StreamOpenFailure.gone)
    }
  }

  private static func route(
    _ from: String, _ scheme: RouteOrigin.Scheme, port: Int? = nil, publishers: AccessPolicy = .anyAuthenticatedUser
  ) -> Route {
    var route = testRoute(from, publishers: publishers)
    route.id = RouteID("\(scheme)-\(from)-\(port ?? 0)")
    route.origin.scheme = scheme
    route.origin.port = port
    return route
  }

  // MARK: The table

  @Test(arguments: [
    ("app.example", 443, "https://app.example:8443"), ("APP.Example", 443, "https://app.example:8443"),
    ("app.example.", 443, "https://app.example:8443"), ("app.example", 8443, "https://app.example:8443"),
    ("xn--bcher-kva.example", 443, "https://xn--bcher-kva.example"),
    ("BÜCHER.example", 443, "https://xn--bcher-kva.example"), ("x.dev.example", 443, "https://x.dev.example"),
    ("*.dev.example", 443, "https://*.dev.example"), ("host", 22, "ssh://host"), ("HOST.", 22, "ssh://host"),
    ("db.example", 5432, "tcp+https://db.example:5432"), ("db.example", 0, "tcp+https://db.example:5432"),
    ("*.dev.example", 0, "https://*.dev.example"), ("y.dev.example", 0, "https://y.dev.example"),
  ])
  func whatIsTypedNamesARoute(_ host: String, _ port: UInt32, _ url: String) throws {
    let edge = Forwarding([
      Self.route("app.example", .https, port: 8443), testRoute("xn--bcher-kva.example"), testRoute("*.dev.example"),
      Self.route("host", .ssh), Self.route("db.example", .tcp, port: 5432),
    ])
    let ann = try Publishing("ann", edge, connection: "1")
    guard case .success(let granted) = ann.request(host, port) else {
      Issue.record("refused")
      return
    }
    #expect(granted.bound.map(\.url) == [url])
    // The port is told only when 0 was asked for; opens repeat it with the host as it was typed.
    #expect((granted.allocatedPort != nil) == (port == 0))
    let told = granted.allocatedPort ?? port
    if port == 0 { #expect((32_768...65_535).contains(told)) }
    let address = ForwardAddress(host: host, port: told)
    #expect(ann.forwards.forward(address)?.address == address)
    #expect(ann.forwards.forward(address)?.speaksSOCKS == (port == 0))
    let binding = try #require(edge.registry.bindings().first)
    #expect(binding.requestedHost.utf8.elementsEqual(host.utf8) && binding.requestedPort == Int(told))
    // Cancelled by exact bytes only.
    #expect(!ann.forwards.cancel(ForwardAddress(host: host + ".", port: told)))
    #expect(!ann.forwards.cancel(ForwardAddress(host: host, port: told ^ 1)))
    #expect(ann.forwards.cancel(address) && !ann.forwards.cancel(address))
    #expect(edge.registry.bindings().isEmpty)
  }

  @Test(arguments: ["", "localhost", "*", "0.0.0.0", "::", "127.0.0.1", "::1"])
  func noHostMeansTheOneRouteOfThePerson(_ host: String) throws {
    let edge = Forwarding([
      testRoute("only.example"), testRoute("other.example", publishers: .denyAll), Self.route("host", .ssh),
    ])
    #expect(try Publishing("ann", edge, connection: "1").outcome(host, 443) == ["https://only.example"])
  }

  /// Security rule 4.
  @Test func noHostNeverMeansAWildcardAPublicRouteOrAnythingForAServiceAccount() throws {
    let text = "name the host to publish, as in -R "
    for (routes, names) in [
      ([testRoute("*.dev.example")], "NAME.dev.example:443:localhost:3000"),
      ([testRoute("p.example", isPublic: true)], "p.example:443:localhost:3000"),
      ([testRoute("a.example"), testRoute("b.example")], "a.example:443:localhost:3000 (or b.example)"),
      ([testRoute("no.example", publishers: .denyAll)], "HOST:443:localhost:3000"),
    ] {
      let edge = Forwarding(routes)
      #expect(try Publishing("ann", edge, connection: "1").outcome("localhost", 443) == [text + names])
    }
    let edge = Forwarding([testRoute("only.example")])
    let robot = try Publishing("robot", edge, connection: "1", serviceAccount: "robot")
    let ann = try Publishing("ann", edge, connection: "2")
    let routes = edge.routes.current().routes
    #expect(WelcomeBanner.unnamedChoice(ann.publisher, routes: routes)?.id == routes.first?.id)
    #expect(WelcomeBanner.unnamedChoice(robot.publisher, routes: routes) == nil)
  }

  /// Security rule 3: neither the text nor its absence tells what there is.
  @Test(arguments: [443, 22, 0, 80, 5432, 8443] as [UInt32])
  func unknownForbiddenTakenAndReservedNamesSoundAlike(_ port: UInt32) throws {
    var routes: [Route] = []
    for name in ["denied.example", "held.example"] {
      let publishers: AccessPolicy = name == "denied.example" ? .denyAll : .anyAuthenticatedUser
      routes += [
        Self.route(name, .https, port: 8443, publishers: publishers), Self.route(name, .ssh, publishers: publishers),
        Self.route(name, .tcp, port: 5432, publishers: publishers),
      ]
    }
    let edge = Forwarding(routes, reserved: ["auth.example"])
    let bob = try Publishing("bob", edge, connection: "1")
    for held in [443, 22, 5432] as [UInt32] {
      #expect(bob.outcome("held.example", held).first?.contains("://") == true)
    }
    let ann = try Publishing("ann", edge, connection: "2")
    let texts = ["unknown.example", "denied.example", "held.example", "auth.example", "no name!", "x.*.example"]
      .map { ann.outcome($0, port) }
    #expect(Set(texts).count == 1)
    #expect(texts.first?.first?.hasPrefix("not available to you") == true)
    // The audit log knows.
    #expect(ann.events.values.contains(.refused(reason: "unknown-name")))
    if port != 80 {
      #expect(ann.events.values.contains(.refused(reason: "not-permitted")))
      #expect(ann.events.values.contains(.refused(reason: "held-by-another")))
    }
  }

  @Test func theSameNameTwiceIsRefusedHoweverItIsSpelled() throws {
    let edge = Forwarding([Self.route("app.example", .https, port: 8443)])
    let ann = try Publishing("ann", edge, connection: "1")
    #expect(ann.outcome("app.example", 443) == ["https://app.example:8443"])
    for (host, port) in [("app.example", 443), ("APP.example", 443), ("app.example", 8443), ("", 0)] {
      #expect(ann.outcome(host, UInt32(port)) == ["this connection publishes it already"])
    }
    #expect(ann.forwards.count == 1)
  }

  @Test func aConnectionHasABoundedNumberOfForwards() throws {
    let edge = Forwarding([testRoute("*.dev.example")])
    let ann = try Publishing("ann", edge, connection: "1")
    for number in 0..<128 { #expect(ann.outcome("n\(number).dev.example", 443).first?.hasPrefix("https://") == true) }
    #expect(ann.outcome("one-more.dev.example", 443) == ["at most 128 forwards on one connection"])
    #expect(ann.forwards.cancel(ForwardAddress(host: "n7.dev.example", port: 443)))
    #expect(ann.outcome("one-more.dev.example", 443) == ["https://one-more.dev.example"])
  }

  @Test func whoMayNotForwardAtAllIsToldWhy() throws {
    let edge = Forwarding([testRoute("app.example")])
    let ann = try Publishing("ann", edge, connection: "1")
    for refusal in [ForwardRefusal.publishingIsOff, .certificateForbids] {
      guard case .failure(let told) = ann.request("app.example", 443, permission: .refused(refusal)) else {
        Issue.record("granted")
        continue
      }
      #expect(told == refusal)
    }
    #expect(edge.registry.bindings().isEmpty)
  }

  @Test func whatNobodyReachesYetSaysSo() throws {
    let edge = Forwarding([
      testRoute("app.example"), Self.route("host", .ssh), Self.route("db.example", .tcp, port: 5432),
    ])
    let ann = try Publishing("ann", edge, connection: "1")
    #expect(ann.outcome("", 0).count == 3)
    #expect(
      ann.forwards.bound.map(\.standing) == [
        "published", "bound, but not reachable: ssh routes are not served yet",
        "bound, but not reachable: TCP routes are not served yet",
      ])
  }

  @Test func theFarewellNamesWhatItCan() {
    #expect(ForwardRefusal.farewell(["a:443: no"]) == "Could not publish a:443: no.")
    #expect(ForwardRefusal.farewell(["a: no", "b: no"]) == "Could not publish a: no; b: no.")
    let long = (0..<8).map { "\($0)\(String(repeating: "x", count: 120)).example:443: not available to you" }
    let text = ForwardRefusal.farewell(long)
    #expect(text.hasSuffix("\(long[7]); and 7 more.") && text.utf8.count < 400)
    #expect(ForwardRefusal.farewell([String(repeating: "y", count: 5000)]).utf8.count < 400)
  }

  // MARK: What changes later

  @Test func aForwardGrantedInPartTakesTheRestWhenItsHolderGoes() throws {
    let edge = Forwarding([testRoute("a.example"), testRoute("b.example")])
    let bob = try Publishing("bob", edge, connection: "1")
    #expect(bob.outcome("b.example", 443) == ["https://b.example"])
    let ann = try Publishing("ann", edge, connection: "2")
    #expect(ann.outcome("*", 0) == ["https://a.example"])
    #expect(bob.forwards.cancel(ForwardAddress(host: "b.example", port: 443)))
    #expect(ann.freed.values.count == 1)
    let changes = ann.forwards.reconsider(ann.publisher, isPermitted: true)
    #expect(changes.map(\.bound.url) == ["https://b.example"])
    #expect(ann.forwards.bound.map(\.state) == [.attached, .attached])
  }

  @Test func aRefusedForwardWaitsForNothing() throws {
    let edge = Forwarding([testRoute("a.example")])
    let bob = try Publishing("bob", edge, connection: "1")
    #expect(bob.outcome("a.example", 443) == ["https://a.example"])
    let ann = try Publishing("ann", edge, connection: "2")
    #expect(ann.outcome("a.example", 443) == ["not available to you"])
    bob.forwards.releaseAll(.disconnected)
    #expect(ann.freed.values.isEmpty && edge.registry.bindings().isEmpty)
  }

  @Test func aLostHoldersLeaseIsWaitedFor() throws {
    let edge = Forwarding([testRoute("a.example"), testRoute("b.example")])
    let bob = try Publishing("bob", edge, connection: "1")
    #expect(bob.outcome("b.example", 443) == ["https://b.example"])
    let ann = try Publishing("ann", edge, connection: "2")
    #expect(ann.outcome("*", 0) == ["https://a.example"])
    // The end of Ann's session: nothing else is known to change by itself.
    #expect(ann.forwards.validUntil == ann.publisher.subject.expiresAt)
    bob.forwards.releaseAll(.connectionLost)
    #expect(ann.freed.values.count == 1)
    #expect(ann.forwards.reconsider(ann.publisher, isPermitted: true).isEmpty)
    #expect(ann.forwards.validUntil == UnixTime(seconds: 1010))
  }

  @Test func routesComeAndGoUnderADynamicForward() throws {
    let edge = Forwarding([testRoute("a.example")])
    let ann = try Publishing("ann", edge, connection: "1")
    #expect(ann.outcome("", 0) == ["https://a.example"])
    for number in 0..<50 {
      edge.routes.replace([testRoute("n\(number).example"), Self.route("host", .ssh)])
      _ = ann.forwards.reconsider(ann.publisher, isPermitted: true)
      #expect(
        ann.forwards.bound.filter(\.state.isAttached).map(\.url).sorted() == [
          "https://n\(number).example", "ssh://host",
        ])
      // Names of the past do not pile up.
      #expect(edge.registry.bindings().count == 2)
    }
    edge.routes.replace([])
    _ = ann.forwards.reconsider(ann.publisher, isPermitted: true)
    #expect(ann.forwards.bound.map(\.state) == [.detached(.routeGone), .detached(.routeGone)])
    #expect(ann.forwards.count == 1)
  }

  @Test func anotherForwardOfTheSameConnectionTakesOver() throws {
    let edge = Forwarding([testRoute("a.example"), testRoute("b.example")])
    let ann = try Publishing("ann", edge, connection: "1")
    #expect(ann.outcome("a.example", 443) == ["https://a.example"])
    #expect(ann.outcome("*", 0) == ["https://b.example"])
    #expect(ann.forwards.cancel(ForwardAddress(host: "a.example", port: 443)))
    let changes = ann.forwards.reconsider(ann.publisher, isPermitted: true)
    #expect(changes.map(\.bound.url) == ["https://a.example"])
  }

  @Test func sharingThatIsTakenBackLeavesTheFirst() throws {
    var shared = testRoute("a.example")
    shared.tunnel?.isShared = true
    let edge = Forwarding([shared])
    let ann = try Publishing("ann", edge, connection: "1")
    let bob = try Publishing("bob", edge, connection: "2")
    #expect(ann.outcome("a.example", 443) == bob.outcome("a.example", 443))
    edge.routes.replace([testRoute("a.example")])
    for one in [bob, ann] { _ = one.forwards.reconsider(one.publisher, isPermitted: true) }
    #expect(ann.forwards.bound.map(\.state) == [.attached])
    #expect(bob.forwards.bound.map(\.state) == [.detached(.heldByAnother)])
    ann.forwards.releaseAll(.disconnected)
    #expect(bob.freed.values.count == 1)
    _ = bob.forwards.reconsider(bob.publisher, isPermitted: true)
    #expect(bob.forwards.bound.map(\.state) == [.attached])
  }

  /// Once a client has answered as SOCKS does, nothing makes it a fixed one, nor the other way round.
  @Test func whatAClientDoesIsLearntOnce() throws {
    let edge = Forwarding([testRoute("a.example")])
    let ann = try Publishing("ann", edge, connection: "1")
    guard case .success(let granted) = ann.request("", 0), let port = granted.allocatedPort else { return }
    let address = ForwardAddress(host: "", port: port)
    #expect(ann.forwards.forward(address)?.destination == .unknown)
    ann.forwards.settle(address, .asked)
    ann.forwards.settle(address, .fixed)
    #expect(ann.forwards.forward(address)?.destination == .asked)
  }
}
