import Foundation
import Policy
import Routing
import Testing

@testable import SSHServer

/// The browser's part as the ssh client sees it.
@Suite(.serialized) struct SignInTests {
  @Test func theURLIsShownAndApprovalLetsIn() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser)
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    try await client.errors.first { $0.contains("Please sign in with oidc to continue") }
    try await client.errors.first { $0.contains("https://auth.example/.pomerium/sign_in?user_code=") }
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    let login = try await edge.authenticator.logins.first { _ in true }
    #expect(login.username == "me" && login.route == nil && login.sourceAddress == "127.0.0.1")
    #expect(login.fingerprint.hasPrefix("SHA256:") && login.clientVersion.contains("OpenSSH"))
    #expect(edge.registry.bindings().isEmpty)
    signIn.decide(.approved(testSubject("ann"), banner: ["This key was used from a new address."]))
    _ = try await edge.opened("app.example")
    try await client.errors.first { $0.contains("This key was used from a new address.") }
    client.end()
    _ = try await client.exit()
    #expect(signIn.hangUps.values.isEmpty)
    await edge.stop()
  }

  @Test func aClientThatCountsSecondsWaitsAsLongAsTheBrowserNeeds() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser)
    let client = try await edge.ssh(
      ["-N", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-R", "app.example:443:127.0.0.1:9"])
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    // Time itself is what is tested: without a sign of life OpenSSH gives up after two seconds.
    try await Task.sleep(for: .seconds(4))
    #expect(client.isRunning)
    signIn.decide(.approved(testSubject("ann"), banner: []))
    _ = try await edge.opened("app.example")
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func digitsOfTheBrowserAreAskedForInTheTerminal() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser)
    // What a person would type: wrong first, then right.
    let typist = edge.directory.appendingPathComponent("askpass")
    let script =
      "#!/bin/sh\nf=\"$0.count\"; echo x >> \"$f\"; [ $(wc -l < \"$f\") = 1 ] && echo 000000 || echo 123456\n"
    try Data(script.utf8).write(to: typist)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: typist.path)
    let client = try await edge.ssh(
      ["-N", "-R", "app.example:443:127.0.0.1:9"],
      environment: ["SSH_ASKPASS=\(typist.path)", "SSH_ASKPASS_REQUIRE=force"])
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    try await client.errors.first { $0.contains("user_code=") }
    signIn.decide(.confirmInTerminal(prompt: "Code from the browser page: "))
    _ = try await edge.opened("app.example")
    #expect(signIn.digits.values == ["000000", "123456"])
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func aFailedSignInIsATextAndTheEnd() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser)
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    signIn.decide(.failed("The sign-in was denied in the browser."))
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(result.errors.contains { $0.contains("The sign-in was denied in the browser.") })
    await edge.stop()
  }

  @Test func aSignInThatNobodyCompletesEnds() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser) { $0.signInTimeoutSeconds = 1 }
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let result = try await client.finished()
    #expect(result.errors.contains { $0.contains("not completed in time") })
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    try await signIn.hangUps.first { $0 }
    await edge.stop()
  }

  @Test func aClientThatGoesHangsUp() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser)
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let signIn = try await edge.authenticator.signIns.first { _ in true }
    try await client.errors.first { $0.contains("user_code=") }
    client.kill()
    try await signIn.hangUps.first { $0 }
    await edge.stop()
  }

  @Test func aRefusalIsAText() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .refuse("Sign-ins are full. Try again later."))
    let client = try await edge.ssh(["-N"])
    let result = try await client.finished()
    #expect(result.errors.contains { $0.contains("Sign-ins are full. Try again later.") })
    await edge.stop()
  }

  @Test func theEndOfASessionEndsItsConnections() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .byUsername)
    let ann = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"], destination: "ann@127.0.0.1")
    _ = try await edge.opened("app.example")
    edge.authenticator.end("session-ann")
    edge.server.reconsider(.session("session-other"))
    edge.server.reconsider(.session("session-ann"))
    let result = try await ann.finished()
    #expect(result.errors.contains { $0.contains("Your session has ended. Connect again to sign in.") })
    await edge.stop()
  }

  /// The session lives on; what the key has opened does not.
  @Test func aRevokedKeyEndsItsConnections() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .byUsername)
    let ann = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"], destination: "ann@127.0.0.1")
    _ = try await edge.opened("app.example")
    let login = try await edge.authenticator.logins.first { _ in true }
    edge.authenticator.revoke(login.fingerprint)
    edge.server.reconsider(.session("session-ann"))
    let result = try await ann.finished()
    #expect(result.errors.contains { $0.contains("Connect again to sign in.") })
    // The client may be gone a moment before the edge has put its things away.
    _ = try await edge.events.first {
      if case .closed = $0.kind { true } else { false }
    }
    #expect(edge.registry.bindings().isEmpty)
    await edge.stop()
  }
}
