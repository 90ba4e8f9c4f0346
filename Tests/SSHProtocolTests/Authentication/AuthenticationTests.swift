import NIOCore
import Testing

@testable import SSHProtocol

@Suite("authentication")
struct AuthenticationTests {
  @Test("none tells the methods; a question tells whether a key would do and proves nothing")
  func questions() {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.none)
    #expect(pair.failures.first?.methods == ["publickey"])
    pair.request(.publicKeyQuestion(Fixtures.ed25519, .ed25519))
    #expect(pair.clientEvents.contains { $0.name == "keyAccepted" })
    #expect(pair.login == nil)
    #expect(!pair.isSignedIn)
  }

  @Test("the service may be asked for again, as paramiko does before each request, but not without end")
  func serviceAgain() throws {
    var machine = AuthenticationMachine(SharedSSHConfiguration(SSHConfiguration(role: .server)), start: 0)
    var ask = ByteBuffer()
    ServiceMessage.write(MessageNumber.serviceRequest, "ssh-userauth", into: &ask)
    for _ in 0...SSHLimits().authenticationRequests {
      try machine.receive(ask, number: MessageNumber.serviceRequest)
      #expect(machine.nextOutgoing(now: 0)?.payload.bytes.first == MessageNumber.serviceAccept)
    }
    do throws(SSHError) {
      try machine.receive(ask, number: MessageNumber.serviceRequest)
      Issue.record("requests are not counted")
    } catch {
      #expect(error.kind == .limit)
    }
  }

  @Test("a proved key that the client itself lays aside leaves no connection without a clock")
  func abandonedDecisionHasGrace() {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKey(Fixtures.ed25519, .ed25519))
    pair.request(.none)
    #expect(pair.serverEvents.contains { $0.name == "loginAbandoned" })
    pair.advance(by: .seconds(121))
    #expect(pair.serverError?.kind == .timedOut)
  }

  @Test("requests that follow a success still waiting behind a failure's delay are ignored")
  func requestsBehindADelayedSuccess() throws {
    let pair = ConnectionPair.askingToSignIn()
    pair.client.authenticate(username: "alice", method: .keyboardInteractive)
    pair.client.authenticate(username: "alice", method: .publicKey(Fixtures.ed25519, .ed25519))
    pair.run()
    #expect(pair.acceptLogin(try #require(pair.login).attempt))
    pair.client.authenticate(username: "alice", method: .none)
    pair.run()
    pair.advance(by: .milliseconds(20))
    #expect(pair.serverError == nil)
    #expect(pair.isSignedIn)
  }

  @Test("user and service stay what they were")
  func changes() {
    let user = ConnectionPair.askingToSignIn()
    user.request(.none)
    user.request(.none, user: "bob")
    #expect(user.serverError?.kind == .authentication)
    #expect(user.serverError?.reason == .protocolError)

    let service = ConnectionPair.askingToSignIn()
    var payload = ByteBuffer()
    payload.writeInteger(MessageNumber.authenticationRequest)
    for text in ["alice", "ssh-userauth", "none"] { payload.writeSSHString(text) }
    service.inject(payload.bytes)
    service.run()
    #expect(service.serverError?.reason == .serviceNotAvailable)

    for name in ["a\u{0}b", "a\nb", String(repeating: "x", count: 256)] {
      let bad = ConnectionPair.askingToSignIn()
      bad.request(.none, user: name)
      #expect(bad.serverError?.kind == .malformed)
    }
  }

  @Test("six failures, 64 requests or 10 signatures are the end")
  func limits() {
    let failing = ConnectionPair.askingToSignIn()
    failing.request(.none)
    for _ in 0..<6 { failing.request(.none) }
    #expect(failing.serverError?.reason == .noMoreAuthenticationMethods)

    let asking = ConnectionPair.askingToSignIn()
    for _ in 0..<65 { asking.request(.publicKeyQuestion(Fixtures.ed25519, .ed25519)) }
    #expect(asking.serverError?.kind == .limit)

    let signing = ConnectionPair.askingToSignIn()
    for _ in 0..<11 { signing.request(.publicKey(Fixtures.ed25519)) }
    #expect(signing.serverError?.kind == .limit)
  }

  @Test("a failure is delayed by at least 5 ms, the same for the same name")
  func delay() {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.none)
    let before = pair.failures.count
    pair.client.authenticate(username: "alice", method: .keyboardInteractive)
    pair.run()
    #expect(pair.failures.count == before)
    let due = pair.server.deadline ?? 0
    #expect(due >= pair.time.now + .milliseconds(5))
    #expect(due < pair.time.now + .milliseconds(10))
    pair.advance(by: .milliseconds(10))
    #expect(pair.failures.count == before + 1)
  }

  @Test("a new request abandons the one that is decided; late answers do nothing")
  func abandoned() throws {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKey(Fixtures.ed25519))
    let first = try #require(pair.login).attempt
    pair.request(.publicKey(Fixtures.p256))
    let second = try #require(pair.login).attempt
    #expect(first != second)
    #expect(pair.serverEvents.contains { $0.name == "loginAbandoned" })
    #expect(!pair.acceptLogin(first))
    #expect(!pair.requireSignIn(first, prompt: .empty))
    pair.run()
    #expect(!pair.isSignedIn)
    #expect(pair.acceptLogin(second))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("refused means FAILURE, and keyboard-interactive without a proved key fails")
  func refused() throws {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.keyboardInteractive)
    #expect(pair.failures.last?.methods == ["publickey"])
    pair.request(.publicKey(Fixtures.ed25519))
    #expect(pair.refuseLogin(try #require(pair.login).attempt))
    pair.advance(by: .milliseconds(20))
    #expect(pair.failures.count == 2)
    #expect(!pair.isSignedIn)
  }

  @Test("grace: 30 s to the first request, 120 s to a proved key")
  func grace() {
    let silent = ConnectionPair.askingToSignIn()
    silent.advance(by: .seconds(31))
    #expect(silent.serverError?.kind == .timedOut)
    let slow = ConnectionPair.askingToSignIn()
    slow.request(.none)
    slow.advance(by: .seconds(60))
    #expect(slow.serverError == nil)
    slow.advance(by: .seconds(61))
    #expect(slow.serverError?.kind == .timedOut)
  }
}
