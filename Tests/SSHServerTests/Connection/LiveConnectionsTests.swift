import Policy
import Routing
import Testing

@testable import SSHServer

/// What people see of their own connections, and end.
struct LiveConnectionsTests {
  @Test func peopleSeeAndEndTheirOwn() async throws {
    let edge = try await TestEdge([testRoute("*.example.com")], admits: .byUsername)
    let (ann, bob) = (
      testSubject("ann", session: "session-ann"), testSubject("bob", session: "session-bob")
    )
    let hers = try await edge.ssh(["-N", "-R", "a.example.com:443:127.0.0.1:1"], destination: "ann@127.0.0.1")
    let his = try await edge.ssh(["-N", "-R", "b.example.com:443:127.0.0.1:1"], destination: "bob@127.0.0.1")
    let tunnel = try await edge.opened("a.example.com")
    _ = try await edge.opened("b.example.com")
    let shown = await edge.server.connections(of: ann)
    #expect(shown.map(\.id) == [tunnel.connectionID], "the id is the one that tunnels name")
    let connection = try #require(shown.first)
    #expect(connection.sessionID == "session-ann" && connection.sourceAddress == "127.0.0.1")
    #expect(connection.clientVersion.hasPrefix("SSH-2.0-OpenSSH") && connection.keyFingerprint.hasPrefix("SHA256:"))
    #expect(connection.shells == 0)

    #expect(await edge.server.end(connection: connection.id, of: bob) == false, "somebody else's")
    #expect(await edge.server.end(connection: "none", of: ann) == false)
    #expect(edge.registry.binding(tunnel.id) != nil)
    #expect(await edge.server.end(connection: connection.id, of: ann))
    #expect(edge.registry.binding(tunnel.id) == nil)
    let end = try await hers.finished()
    #expect(end.errors.contains { $0.contains("You ended this connection on your page at the edge.") }, "\(end.errors)")
    #expect(await edge.server.connections(of: ann).isEmpty)
    #expect(await edge.server.end(connection: connection.id, of: ann) == false, "it is over")
    let bobs = await edge.server.connections(of: bob)
    #expect(his.isRunning && bobs.count == 1)
    his.end()
    await edge.stop()
  }
}
