import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("authentication")
struct AuthenticationTests {
  /// The service has been asked for; nothing is automatic from here.
  private func pair(server: (inout SSHConfiguration) -> Void = { _ in }) -> ConnectionPair {
    let pair = ConnectionPair(server: server)
    pair.automatic = false
    pair.start()
    pair.client.requestService()
    pair.run()
    return pair
  }

  /// Sends a request and lets a failure's delay pass.
  private func request(_ pair: ConnectionPair, _ method: ClientMethod, user: String = "alice") {
    pair.client.authenticate(username: user, method: method)
    pair.run()
    pair.advance(by: .milliseconds(20))
  }

  private func login(_ pair: ConnectionPair) -> ProvenLogin? {
    for event in pair.serverEvents.reversed() {
      if case .login(let login) = event { return login }
    }
    return nil
  }

  private func failures(_ pair: ConnectionPair) -> [([String], Bool)] {
    pair.clientEvents.compactMap {
      if case .authenticationFailed(let list, let partial) = $0 { (list, partial) } else { nil }
    }
  }

  private func prompts(_ pair: ConnectionPair) -> [InteractivePrompt] {
    pair.clientEvents.compactMap { if case .interactivePrompt(let prompt) = $0 { prompt } else { nil } }
  }

  private let prompt = InteractivePrompt(
    name: "Please sign in with oidc to continue", instruction: " https://auth.localhost/x ")

  @Test("none tells the methods; a question tells whether a key would do and proves nothing")
  func questions() {
    let pair = pair()
    request(pair, .none)
    #expect(failures(pair).first?.0 == ["publickey"])
    request(pair, .publicKeyQuestion(Fixtures.ed25519, .ed25519))
    #expect(pair.clientEvents.contains { $0.name == "keyAccepted" })
    #expect(login(pair) == nil)
    #expect(!pair.isSignedIn)
  }

  @Test("each kind of key proves itself")
  func keyTypes() {
    for key in [Fixtures.ed25519, Fixtures.p256, Fixtures.p384, Fixtures.p521, Fixtures.rsa] {
      for algorithm in SSHSignatureAlgorithm.algorithms(for: key.publicKey.type) {
        let pair = pair()
        request(pair, .publicKey(key, algorithm))
        guard let login = login(pair) else {
          Issue.record("no login with \(algorithm.name): \(String(describing: pair.serverError))")
          continue
        }
        #expect(login.key == SSHPublicKey(key.publicKey))
        #expect(login.username == "alice")
        #expect(pair.acceptLogin(login.attempt, banner: ["hello", "world"]))
        pair.run()
        #expect(pair.isSignedIn)
        let banners = pair.clientEvents.compactMap { if case .banner(let text) = $0 { text } else { nil } }
        #expect(banners == ["hello\r\nworld\r\n"])
      }
    }
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
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519, .ed25519))
    request(pair, .none)
    #expect(pair.serverEvents.contains { $0.name == "loginAbandoned" })
    pair.advance(by: .seconds(121))
    #expect(pair.serverError?.kind == .timedOut)
  }

  @Test("an approved client that never answers its prompt is not waited for without end")
  func approvedWithoutAnswerHasGrace() {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519, .ed25519))
    guard let login = login(pair) else { return #expect(Bool(false), "no login") }
    #expect(pair.requireSignIn(login.attempt, prompt: prompt))
    request(pair, .keyboardInteractive)
    #expect(pair.acceptLogin(login.attempt))
    pair.advance(by: .seconds(121))
    #expect(pair.serverError?.kind == .timedOut)
    #expect(!pair.isSignedIn)
  }

  @Test("requests that follow a success still waiting behind a failure's delay are ignored")
  func requestsBehindADelayedSuccess() {
    let pair = pair()
    pair.client.authenticate(username: "alice", method: .keyboardInteractive)
    pair.client.authenticate(username: "alice", method: .publicKey(Fixtures.ed25519, .ed25519))
    pair.run()
    guard let login = login(pair) else { return #expect(Bool(false), "no login") }
    #expect(pair.acceptLogin(login.attempt))
    pair.client.authenticate(username: "alice", method: .none)
    pair.run()
    pair.advance(by: .milliseconds(20))
    #expect(pair.serverError == nil)
    #expect(pair.isSignedIn)
  }

  @Test("the identity is the key that signed, not one that was offered first")
  func offeredIsNotProved() {
    let pair = pair()
    request(pair, .publicKeyQuestion(Fixtures.ed25519, .ed25519))
    request(pair, .publicKeyQuestion(Fixtures.p256, .ecdsaP256))
    request(pair, .publicKey(Fixtures.otherED25519))
    #expect(login(pair)?.key == SSHPublicKey(Fixtures.otherED25519.publicKey))
  }

  /// A publickey request whose signature is made by another key, or over another session.
  private func forged(_ offered: PrivateKey, signer: PrivateKey, session: [UInt8], algorithm: String = "ssh-ed25519")
    throws -> [UInt8]
  {
    var payload = ByteBuffer()
    AuthenticationRequestMessage.write(username: "alice", method: "publickey", into: &payload)
    payload.writeSSHBoolean(true)
    payload.writeSSHString(algorithm)
    payload.writeSSHString(SSHPublicKey(offered.publicKey).blob)
    let signature = try signer.sshSignature(PublicKeyProof.message(payload.bytes, session), algorithm: .ed25519)
    payload.writeSSHString(signature)
    return payload.bytes
  }

  @Test("a key the client cannot sign with, a replayed signature and crossed names fail")
  func forgeries() throws {
    let other = pair()
    let pair = pair()
    let session = pair.server.transport.sessionID
    let attempts = [
      try forged(Fixtures.ed25519, signer: Fixtures.otherED25519, session: session),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: other.server.transport.sessionID),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session, algorithm: "rsa-sha2-512"),
      try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session, algorithm: "ssh-rsa"),
    ]
    for payload in attempts {
      pair.inject(payload)
      pair.run()
      pair.advance(by: .milliseconds(20))
    }
    #expect(login(pair) == nil)
    #expect(failures(pair).count == 4)
    pair.inject(try forged(Fixtures.ed25519, signer: Fixtures.ed25519, session: session))
    pair.run()
    #expect(login(pair)?.key == SSHPublicKey(Fixtures.ed25519.publicKey))
  }

  @Test("the host-bound form must name the host key of this connection")
  func hostBound() throws {
    for (hostKey, works) in [(Fixtures.ed25519, true), (Fixtures.p256, false)] {
      let pair = pair()
      var payload = ByteBuffer()
      AuthenticationRequestMessage.write(
        username: "alice", method: AuthenticationRequestMessage.hostBoundName, into: &payload)
      payload.writeSSHBoolean(true)
      payload.writeSSHString("ssh-ed25519")
      payload.writeSSHString(SSHPublicKey(Fixtures.otherED25519.publicKey).blob)
      payload.writeSSHString(SSHPublicKey(hostKey.publicKey).blob)
      payload.writeSSHString(
        try Fixtures.otherED25519.sshSignature(
          PublicKeyProof.message(payload.bytes, pair.server.transport.sessionID), algorithm: .ed25519))
      pair.inject(payload.bytes)
      pair.run()
      #expect((login(pair) != nil) == works)
    }
  }

  @Test("user and service stay what they were")
  func changes() {
    let user = pair()
    request(user, .none)
    request(user, .none, user: "bob")
    #expect(user.serverError?.kind == .authentication)
    #expect(user.serverError?.reason == .protocolError)

    let service = pair()
    var payload = ByteBuffer()
    payload.writeInteger(MessageNumber.authenticationRequest)
    for text in ["alice", "ssh-userauth", "none"] { payload.writeSSHString(text) }
    service.inject(payload.bytes)
    service.run()
    #expect(service.serverError?.reason == .serviceNotAvailable)

    for name in ["a\u{0}b", "a\nb", String(repeating: "x", count: 256)] {
      let bad = pair()
      request(bad, .none, user: name)
      #expect(bad.serverError?.kind == .malformed)
    }
  }

  @Test("six failures, 64 requests or 10 signatures are the end")
  func limits() {
    let failing = pair()
    request(failing, .none)
    for _ in 0..<6 { request(failing, .none) }
    #expect(failing.serverError?.reason == .noMoreAuthenticationMethods)

    let asking = pair()
    for _ in 0..<65 { request(asking, .publicKeyQuestion(Fixtures.ed25519, .ed25519)) }
    #expect(asking.serverError?.kind == .limit)

    let signing = pair()
    for _ in 0..<11 { request(signing, .publicKey(Fixtures.ed25519)) }
    #expect(signing.serverError?.kind == .limit)
  }

  @Test("a failure is delayed by at least 5 ms, the same for the same name")
  func delay() {
    let pair = pair()
    request(pair, .none)
    let before = failures(pair).count
    pair.client.authenticate(username: "alice", method: .keyboardInteractive)
    pair.run()
    #expect(failures(pair).count == before)
    let due = pair.server.deadline ?? 0
    #expect(due >= pair.time.now + .milliseconds(5))
    #expect(due < pair.time.now + .milliseconds(10))
    pair.advance(by: .milliseconds(10))
    #expect(failures(pair).count == before + 1)
  }

  @Test("partial success leads to keyboard-interactive, the prompt is shown, SUCCESS follows the approval")
  func signIn() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let attempt = try #require(login(pair)).attempt
    #expect(pair.requireSignIn(attempt, prompt: prompt))
    pair.run()
    #expect(failures(pair).last?.0 == ["keyboard-interactive"])
    #expect(failures(pair).last?.1 == true)
    request(pair, .keyboardInteractive)
    #expect(prompts(pair) == [prompt])
    #expect(!pair.serverEvents.contains { $0.name == "signInShown" })
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.serverEvents.contains { $0.name == "signInShown" })
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
    #expect(!pair.acceptLogin(attempt))
  }

  @Test("an approval that overtakes the client's answer waits for it")
  func earlyApproval() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let attempt = try #require(login(pair)).attempt
    _ = pair.server.requireSignIn(attempt, prompt: prompt)
    pair.run()
    request(pair, .keyboardInteractive)
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(!pair.isSignedIn)
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.isSignedIn)

    // Even before the client has come with keyboard-interactive at all.
    let sooner = self.pair()
    request(sooner, .publicKey(Fixtures.ed25519))
    let first = try #require(login(sooner)).attempt
    _ = sooner.server.requireSignIn(first, prompt: prompt)
    #expect(sooner.acceptLogin(first))
    sooner.run()
    #expect(!sooner.isSignedIn)
    request(sooner, .keyboardInteractive)
    #expect(sooner.isSignedIn)
  }

  @Test("while a sign-in waits: IGNORE each second, an empty prompt each 20 s once the last was answered")
  func waiting() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let attempt = try #require(login(pair)).attempt
    _ = pair.server.requireSignIn(attempt, prompt: prompt)
    pair.run()
    request(pair, .keyboardInteractive)
    pair.client.answerPrompt([])
    pair.run()
    let packets = pair.serverPackets
    for _ in 0..<19 { pair.advance(by: .seconds(1)) }
    #expect(pair.serverPackets == packets + 19)
    #expect(prompts(pair).count == 1)
    pair.advance(by: .seconds(1))
    #expect(prompts(pair).last == .empty)
    // Not answered: no further one, and no second `signInShown` when it is.
    for _ in 0..<40 { pair.advance(by: .seconds(1)) }
    #expect(prompts(pair).count == 2)
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.serverEvents.count { $0.name == "signInShown" } == 1)
    // Far beyond the grace time: the key is proved.
    var answered = prompts(pair).count
    for _ in 0..<300 {
      pair.advance(by: .seconds(1))
      if prompts(pair).count > answered { pair.client.answerPrompt([]) }
      answered = prompts(pair).count
      pair.run()
    }
    #expect(answered > 10)
    #expect(pair.serverError == nil)
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("a client that does not answer what needs no person is gone; one whose person reads is not")
  func frozen() throws {
    for answersFirst in [false, true] {
      let pair = pair()
      request(pair, .publicKey(Fixtures.ed25519))
      let attempt = try #require(login(pair)).attempt
      _ = pair.server.requireSignIn(attempt, prompt: prompt)
      pair.run()
      request(pair, .keyboardInteractive)
      if answersFirst { pair.client.answerPrompt([]) }
      pair.run()
      for _ in 0..<79 { pair.advance(by: .seconds(1)) }
      #expect(pair.serverError == nil)
      pair.advance(by: .seconds(1))
      #expect(pair.serverError?.kind == (answersFirst ? .timedOut : nil))
    }
  }

  @Test("answers with content where none was asked for are an error; one too many is ignored")
  func wrongAnswers() throws {
    for (answers, ends) in [(["x"], true), ([], false)] {
      let pair = pair()
      request(pair, .publicKey(Fixtures.ed25519))
      let attempt = try #require(login(pair)).attempt
      _ = pair.server.requireSignIn(attempt, prompt: prompt)
      pair.run()
      request(pair, .keyboardInteractive)
      pair.client.answerPrompt(answers)
      pair.client.answerPrompt([])
      pair.run()
      #expect((pair.serverError != nil) == ends)
    }
    // Never asked.
    let unasked = pair()
    unasked.client.answerPrompt([])
    unasked.run()
    #expect(unasked.serverError?.kind == .outOfPhase)
  }

  @Test("digits are asked for in a further round")
  func digits() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let attempt = try #require(login(pair)).attempt
    _ = pair.server.requireSignIn(attempt, prompt: prompt)
    pair.run()
    request(pair, .keyboardInteractive)
    pair.client.answerPrompt([])
    pair.run()
    let question = InteractivePrompt(
      name: "", instruction: "", questions: [.init(text: "Code: ", echo: true)])
    #expect(pair.ask(attempt, prompt: question))
    pair.run()
    #expect(prompts(pair).last == question)
    pair.client.answerPrompt(["123456"])
    pair.run()
    let answers = pair.serverEvents.compactMap { if case .promptAnswered(_, let answers) = $0 { answers } else { nil } }
    #expect(answers == [["123456"]])
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("a new request abandons the one that is decided; late answers do nothing")
  func abandoned() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let first = try #require(login(pair)).attempt
    request(pair, .publicKey(Fixtures.p256))
    let second = try #require(login(pair)).attempt
    #expect(first != second)
    #expect(pair.serverEvents.contains { $0.name == "loginAbandoned" })
    #expect(!pair.acceptLogin(first))
    #expect(!pair.requireSignIn(first, prompt: prompt))
    pair.run()
    #expect(!pair.isSignedIn)
    #expect(pair.acceptLogin(second))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("after the partial success no other key can take the place; the client may begin the prompt again")
  func otherKeyAfterPartial() throws {
    let pair = pair()
    request(pair, .publicKey(Fixtures.ed25519))
    let attempt = try #require(login(pair)).attempt
    _ = pair.server.requireSignIn(attempt, prompt: prompt)
    pair.run()
    request(pair, .publicKey(Fixtures.p256))
    #expect(login(pair)?.attempt == attempt)
    #expect(failures(pair).last?.0 == ["keyboard-interactive"])
    request(pair, .keyboardInteractive)
    request(pair, .keyboardInteractive)
    #expect(prompts(pair).count == 2)
    // The first round's answer may still come.
    pair.client.answerPrompt([])
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.serverError == nil)
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("refused means FAILURE, and keyboard-interactive without a proved key fails")
  func refused() throws {
    let pair = pair()
    request(pair, .keyboardInteractive)
    #expect(failures(pair).last?.0 == ["publickey"])
    request(pair, .publicKey(Fixtures.ed25519))
    #expect(pair.refuseLogin(try #require(login(pair)).attempt))
    pair.advance(by: .milliseconds(20))
    #expect(failures(pair).count == 2)
    #expect(!pair.isSignedIn)
  }

  @Test("grace: 30 s to the first request, 120 s to a proved key")
  func grace() {
    let silent = pair()
    silent.advance(by: .seconds(31))
    #expect(silent.serverError?.kind == .timedOut)
    let slow = pair()
    request(slow, .none)
    slow.advance(by: .seconds(60))
    #expect(slow.serverError == nil)
    slow.advance(by: .seconds(61))
    #expect(slow.serverError?.kind == .timedOut)
  }
}
