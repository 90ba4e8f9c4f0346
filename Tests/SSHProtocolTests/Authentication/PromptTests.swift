import Testing

@testable import SSHProtocol

@Suite("signing in with keyboard-interactive")
struct PromptTests {
  private let prompt = InteractivePrompt(
    name: "Please sign in with oidc to continue", instruction: " https://auth.localhost/x ")

  /// The key is proved and the prompt has left; nobody has answered.
  private func prompted() throws -> (ConnectionPair, LoginAttempt) {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKey(Fixtures.ed25519))
    let attempt = try #require(pair.login).attempt
    #expect(pair.requireSignIn(attempt, prompt: prompt))
    pair.run()
    pair.request(.keyboardInteractive)
    return (pair, attempt)
  }

  @Test("an approved client that never answers its prompt is not waited for without end")
  func approvedWithoutAnswerHasGrace() throws {
    let (pair, attempt) = try prompted()
    #expect(pair.acceptLogin(attempt))
    pair.advance(by: .seconds(121))
    #expect(pair.serverError?.kind == .timedOut)
    #expect(!pair.isSignedIn)
  }

  @Test("partial success leads to keyboard-interactive, the prompt is shown, SUCCESS follows the approval")
  func signIn() throws {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKey(Fixtures.ed25519))
    let attempt = try #require(pair.login).attempt
    #expect(pair.requireSignIn(attempt, prompt: prompt))
    pair.run()
    #expect(pair.failures.last?.methods == ["keyboard-interactive"])
    #expect(pair.failures.last?.isPartial == true)
    pair.request(.keyboardInteractive)
    #expect(pair.prompts == [prompt])
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
    let (pair, attempt) = try prompted()
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(!pair.isSignedIn)
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.isSignedIn)

    // Even before the client has come with keyboard-interactive at all.
    let sooner = ConnectionPair.askingToSignIn()
    sooner.request(.publicKey(Fixtures.ed25519))
    let first = try #require(sooner.login).attempt
    _ = sooner.server.requireSignIn(first, prompt: prompt)
    #expect(sooner.acceptLogin(first))
    sooner.run()
    #expect(!sooner.isSignedIn)
    sooner.request(.keyboardInteractive)
    #expect(sooner.isSignedIn)
  }

  @Test("while a sign-in waits: IGNORE each second, an empty prompt each 20 s once the last was answered")
  func waiting() throws {
    let (pair, attempt) = try prompted()
    pair.client.answerPrompt([])
    pair.run()
    let packets = pair.serverPackets
    for _ in 0..<19 { pair.advance(by: .seconds(1)) }
    #expect(pair.serverPackets == packets + 19)
    #expect(pair.prompts.count == 1)
    pair.advance(by: .seconds(1))
    #expect(pair.prompts.last == .empty)
    // Not answered: no further one, and no second `signInShown` when it is.
    for _ in 0..<40 { pair.advance(by: .seconds(1)) }
    #expect(pair.prompts.count == 2)
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.serverEvents.count { $0.name == "signInShown" } == 1)
    // Far beyond the grace time: the key is proved.
    var answered = pair.prompts.count
    for _ in 0..<300 {
      pair.advance(by: .seconds(1))
      if pair.prompts.count > answered { pair.client.answerPrompt([]) }
      answered = pair.prompts.count
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
      let (pair, _) = try prompted()
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
      let (pair, _) = try prompted()
      pair.client.answerPrompt(answers)
      pair.client.answerPrompt([])
      pair.run()
      #expect((pair.serverError != nil) == ends)
    }
    // Never asked.
    let unasked = ConnectionPair.askingToSignIn()
    unasked.client.answerPrompt([])
    unasked.run()
    #expect(unasked.serverError?.kind == .outOfPhase)
  }

  @Test("digits are asked for in a further round")
  func digits() throws {
    let (pair, attempt) = try prompted()
    pair.client.answerPrompt([])
    pair.run()
    let question = InteractivePrompt(
      name: "", instruction: "", questions: [.init(text: "Code: ", echo: true)])
    #expect(pair.ask(attempt, prompt: question))
    pair.run()
    #expect(pair.prompts.last == question)
    pair.client.answerPrompt(["123456"])
    pair.run()
    let answers = pair.serverEvents.compactMap { if case .promptAnswered(_, let answers) = $0 { answers } else { nil } }
    #expect(answers == [["123456"]])
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
  }

  @Test("after the partial success no other key can take the place; the client may begin the prompt again")
  func otherKeyAfterPartial() throws {
    let pair = ConnectionPair.askingToSignIn()
    pair.request(.publicKey(Fixtures.ed25519))
    let attempt = try #require(pair.login).attempt
    _ = pair.server.requireSignIn(attempt, prompt: prompt)
    pair.run()
    pair.request(.publicKey(Fixtures.p256))
    #expect(pair.login?.attempt == attempt)
    #expect(pair.failures.last?.methods == ["keyboard-interactive"])
    pair.request(.keyboardInteractive)
    pair.request(.keyboardInteractive)
    #expect(pair.prompts.count == 2)
    // The first round's answer may still come.
    pair.client.answerPrompt([])
    pair.client.answerPrompt([])
    pair.run()
    #expect(pair.serverError == nil)
    #expect(pair.acceptLogin(attempt))
    pair.run()
    #expect(pair.isSignedIn)
  }
}
