import Glibc
import Testing

@testable import TunnelEdge

@Suite struct InheritedSocketsTests {
  private func socket(_ descriptor: Int32, _ name: String, _ port: Int) -> InheritedSockets.Socket {
    .init(descriptor: descriptor, name: name, port: port)
  }

  @Test func aNameSaysMoreThanAPort() {
    var sockets = InheritedSockets([socket(3, "ssh", 443), socket(4, "https", 8443), socket(5, "https", 9443)])
    #expect(sockets.take(.https, port: 443) == [4, 5])
    #expect(sockets.take(.ssh, port: 22) == [3])
    #expect(sockets == .none)
  }

  @Test func withoutANameThePortDecides() {
    var sockets = InheritedSockets([
      socket(3, "tunnel-edge.socket", 2222), socket(4, "tunnel-edge.socket", 443), socket(5, "", 443),
    ])
    #expect(sockets.take(.https, port: 443) == [4, 5])
    #expect(sockets.take(.metrics, port: 9090) == [])
    #expect(sockets.take(.ssh, port: 2222) == [3])
  }

  /// Bound, and not listened on.
  @Test(arguments: [(UInt32(0x7F00_0001), true), (0x7F09_0909, true), (0, false)])
  func whatOnlyThisMachineReachesIsTold(_ host: UInt32, _ isLocal: Bool) throws {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = host.bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    #expect(InheritedSockets.isLoopback(descriptor) == isLocal)
    #expect(!InheritedSockets.isLoopback(-1))
  }

  @Test(arguments: [
    [:], ["LISTEN_FDS": "1"], ["LISTEN_FDS": "1", "LISTEN_PID": "7"], ["LISTEN_FDS": "0", "LISTEN_PID": "8"],
    ["LISTEN_FDS": "-1", "LISTEN_PID": "8"], ["LISTEN_FDS": "99999999", "LISTEN_PID": "8"],
    ["LISTEN_FDS": "many", "LISTEN_PID": "8"],
  ])
  func whatIsMeantForOthersIsLeftAlone(_ environment: [String: String]) throws {
    #expect(try InheritedSockets(environment: environment, process: 8) == .none)
  }
}
