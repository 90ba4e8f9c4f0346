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

  @Test(arguments: [
    [:], ["LISTEN_FDS": "1"], ["LISTEN_FDS": "1", "LISTEN_PID": "7"], ["LISTEN_FDS": "0", "LISTEN_PID": "8"],
    ["LISTEN_FDS": "-1", "LISTEN_PID": "8"], ["LISTEN_FDS": "99999999", "LISTEN_PID": "8"],
    ["LISTEN_FDS": "many", "LISTEN_PID": "8"],
  ])
  func whatIsMeantForOthersIsLeftAlone(_ environment: [String: String]) throws {
    #expect(try InheritedSockets(environment: environment, process: 8) == .none)
  }
}
