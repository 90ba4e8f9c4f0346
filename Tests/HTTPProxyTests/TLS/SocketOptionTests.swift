import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import HTTPProxy

/// What the sockets of visitors are told, as the kernel has it.
@Suite(.timeLimit(.minutes(4))) struct SocketOptionTests {
  @Test func acceptedConnectionsHaveTheListenersOptions() async throws {
    let edge = try await TestEdge(routes: [])
    let client = try await edge.client()
    var accepted: [(noDelay: Bool, notSentLowWater: Int32)] = []
    while accepted.isEmpty {
      accepted = (0..<4096).compactMap { Self.options(of: $0, port: edge.port) }
      await Task.yield()
    }
    for options in accepted { #expect(options.noDelay && options.notSentLowWater == 256 * 1024) }
    await client.close()
    await edge.stop()
  }

  /// Of a connection that a listener on this port accepted.
  private static func options(of descriptor: Int32, port: Int) -> (noDelay: Bool, notSentLowWater: Int32)? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isPeer = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
    }
    guard isPeer, Int(UInt16(bigEndian: address.sin_port)) == port, option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 0
    else { return nil }
    guard let noDelay = option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY),
      let lowWater = option(descriptor, Int32(IPPROTO_TCP), 25)
    else { return nil }
    return (noDelay != 0, lowWater)
  }

  private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
  }
}
