import NIOCore
import Policy
import TestSupport
import Testing

@testable import Routing

/// Random histories of bind, attach, detach, release and time against a model that is a plain list.
struct RegistryModelTests {
  private struct Modelled {
    let id: BindingID
    let owner: String
    let connection: Int
    let name: String
    var isAttached: Bool
  }

  private struct ModelledLease {
    let owner: String
    let name: String
    let until: UnixTime
  }

  private static let people = ["ann", "bob", "eve"]
  private static let names = ["a.dev.example", "b.dev.example", "*.dev.example"]

  private static func overlap(_ left: String, _ right: String) -> Bool {
    left == right || left.hasPrefix("*") || right.hasPrefix("*")
  }

  @Test(arguments: 0..<20)
  func everyHistoryLeavesWhatTheModelSays(_ seed: UInt64) {
    var random = SeededGenerator(seed &* 7919 &+ 1)
    let clock = TestClock()
    let registry = TunnelRegistry { clock.now }
    let route = RouteID("r")
    var bindings: [Modelled] = []
    var leases: [ModelledLease] = []

    func holder(_ name: String, other owner: String) -> Bool {
      bindings.contains { $0.isAttached && $0.owner != owner && Self.overlap($0.name, name) }
        || leases.contains { $0.until > clock.now && $0.owner != owner && Self.overlap($0.name, name) }
    }

    for _ in 0..<400 {
      switch random.next() % 10 {
      case 0...3:
        let connection = Int(random.next() % 6)
        let owner = Self.people[connection % 3]
        let name = Self.names[Int(random.next() % 3)]
        let result = registry.bind(
          BindingRequest(
            routeID: route, name: pattern(name), isShared: false, requestedHost: name, requestedPort: 443,
            owner: person(owner), connectionID: "\(connection)", opener: NoOpener(), probe: {}))
        let isDuplicate = bindings.contains { $0.connection == connection && $0.name == name }
        switch result {
        case .bound(let binding):
          #expect(!isDuplicate && !holder(name, other: owner))
          bindings.append(
            Modelled(id: binding.id, owner: owner, connection: connection, name: name, isAttached: true))
          leases.removeAll { $0.owner == owner && $0.name == name }
        case .refused(.duplicate): #expect(isDuplicate)
        case .refused(.heldByAnother): #expect(!isDuplicate && holder(name, other: owner))
        case .refused(.limit): Issue.record("no limit was near")
        }
      case 4, 5:
        guard let index = bindings.indices.randomElement(using: &random) else { continue }
        let isFree = bindings[index].isAttached || !holder(bindings[index].name, other: bindings[index].owner)
        let state = registry.setState(bindings[index].id, .attached)
        #expect(state == (isFree ? .attached : .detached(.heldByAnother)))
        bindings[index].isAttached = isFree
      case 6:
        guard let index = bindings.indices.randomElement(using: &random) else { continue }
        registry.setState(bindings[index].id, .detached(.notPermitted))
        bindings[index].isAttached = false
      case 7:
        guard let index = bindings.indices.randomElement(using: &random) else { continue }
        let gone = bindings.remove(at: index)
        let isLost = random.next() % 2 == 0
        registry.release(gone.id, why: isLost ? .connectionLost : .disconnected)
        if isLost, gone.isAttached {
          leases.append(ModelledLease(owner: gone.owner, name: gone.name, until: clock.now.adding(seconds: 10)))
        }
      case 8: clock.advance(seconds: Int64(random.next() % 8))
      default: break
      }

      // What holds after every step.
      let snapshot = registry.bindings()
      #expect(snapshot.map(\.id) == bindings.map(\.id).sorted { $0.rawValue < $1.rawValue })
      for binding in snapshot {
        #expect(binding.state.isAttached == bindings.first { $0.id == binding.id }?.isAttached)
      }
      for name in ["a.dev.example", "c.dev.example"] {
        let able = bindings.filter {
          $0.isAttached && Self.overlap($0.name, name) && ($0.name == name || $0.name.hasPrefix("*"))
        }
        #expect(Set(able.map(\.owner)).count <= 1)
        switch registry.pick(route: route, host: host(name)) {
        case .binding(let binding): #expect(able.contains { $0.id == binding.id })
        case .none(let reason):
          #expect(able.isEmpty)
          let isLeased = leases.contains {
            $0.until > clock.now && ($0.name == name || $0.name.hasPrefix("*"))
          }
          #expect((reason == .reconnecting) == isLeased)
        }
      }
    }
  }
}
