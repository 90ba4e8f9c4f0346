import DequeModule
import EdgeCrypto
import NIOCore
import PlainText

/// Names one proved key of one connection: an answer that comes late for an older one does nothing.
package struct LoginAttempt: Sendable, Hashable {
  let number: UInt32
}

/// Somebody proved a key; who they are is for the authenticator to say.
package struct ProvenLogin: Sendable {
  package let attempt: LoginAttempt
  package let username: String
  package let proof: ProvenKey

  package var key: SSHPublicKey { proof.key }
}

enum AuthenticationEvent {
  case login(ProvenLogin)
  case signInShown(LoginAttempt)
  case promptAnswered(LoginAttempt, [String])
  case loginAbandoned(LoginAttempt)
  case signatureWork(SignatureWork)
  case certificateRefused(CertificateRefusal)
  /// The connection ends with this.
  case failed(SSHError)
}

/// Server side of RFC 4252 and RFC 4256: which request is legal now, what it leads to.
///
///     service ─▶ idle ─publickey, signed─▶ (verifying ─▶) deciding ─accept─────────────────────────▶ finished
///                 ▲  ▲                        │ requireSignIn (partial success)         ▲
///                 │  └────────────────────────┘                                         │ accept
///                 └─new request── interactive ◀─keyboard-interactive── idle             │
///                                     └──────────────────────────────────────────────────┘
///
/// Everything that leaves goes through `outbox`, in order; failures wait there until their delay is over.
struct AuthenticationMachine: ~Copyable {
  private let shared: SharedSSHConfiguration
  private var configuration: SSHConfiguration { @inline(__always) _read { yield shared.value } }
  private var sessionID: [UInt8] = []
  private var hostKey: [UInt8] = []
  var client = OfferingClient()
  private var state = State.service
  private var budget: AttemptBudget
  private var username: String?
  private var login: Login?
  private var attempts: UInt32 = 0
  private var checks: UInt32 = 0
  /// INFO_REQUESTs of an abandoned round that the client may still answer.
  private var staleResponses = 0
  private(set) var outbox = Deque<Outgoing>()
  private(set) var events = Deque<AuthenticationEvent>()
  private var firstRequestDeadline: UInt64?
  private var graceDeadline: UInt64?
  private var ignoreDeadline: UInt64?
  private var refreshDeadline: UInt64?

  private enum State {
    /// Waiting for SERVICE_REQUEST.
    case service
    /// Nothing is open; the client's next request decides.
    case idle
    /// A signature is checked elsewhere. No message comes here meanwhile.
    case verifying(number: UInt32)
    /// A key was proved and the authenticator is asked.
    case deciding
    /// An INFO_REQUEST is, or was, shown; `unanswered` of them still owe us an INFO_RESPONSE.
    case interactive(unanswered: Bool, questions: Int, isRefresh: Bool)
    case finished
  }

  /// What a proved key has led to so far.
  private struct Login {
    let proven: ProvenLogin
    /// Set by `requireSignIn`: the way on is keyboard-interactive.
    var prompt: InteractivePrompt?
    /// A prompt to show as soon as the last one is answered.
    var nextPrompt: InteractivePrompt?
    /// Approved; SUCCESS waits for the client's next message.
    var approval: [String]?
  }

  struct Outgoing {
    let payload: ByteBuffer
    /// Not before this time.
    let due: UInt64
    let isSuccess: Bool
  }

  init(_ shared: SharedSSHConfiguration, start: UInt64) {
    self.shared = shared
    let configuration = shared.value
    budget = AttemptBudget(configuration.limits)
    firstRequestDeadline = start + configuration.authentication.firstRequestTime
    graceDeadline = start + configuration.authentication.graceTime
  }

  /// The first key exchange has settled what signatures cover.
  mutating func begin(sessionID: [UInt8], hostKey: [UInt8]) {
    self.sessionID = sessionID
    self.hostKey = hostKey
  }

  /// What the certificate of the proved key takes from its bearer, if there is one.
  var terms: CertificateTerms? { login?.proven.proof.terms }

  // MARK: messages

  mutating func receive(_ payload: ByteBuffer, number: UInt8) throws(SSHError) {
    switch (state, number) {
    case (.service, MessageNumber.serviceRequest):
      try serviceRequested(payload)
      state = .idle
    case (.idle, MessageNumber.serviceRequest), (.deciding, MessageNumber.serviceRequest),
      (.interactive, MessageNumber.serviceRequest):
      // paramiko asks anew before every request and waits for the answer; that changes nothing, but it counts.
      try budget.spendRequest()
      try serviceRequested(payload)
    case (.idle, MessageNumber.authenticationRequest), (.deciding, MessageNumber.authenticationRequest),
      (.interactive, MessageNumber.authenticationRequest):
      firstRequestDeadline = nil
      try budget.spendRequest()
      let request = try AuthenticationRequestMessage(payload: payload, limits: configuration.limits)
      try checkSameUser(request)
      abandonOpenRound()
      try handle(request)
    case (.interactive(true, let questions, let isRefresh), MessageNumber.informationResponse):
      try answered(payload, questions: questions, isRefresh: isRefresh)
    case (.interactive(false, _, _), MessageNumber.informationResponse):
      // One more than we asked for; harmless, but it counts.
      try budget.spendRequest()
    case (.idle, MessageNumber.informationResponse) where staleResponses > 0,
      (.deciding, MessageNumber.informationResponse) where staleResponses > 0:
      staleResponses -= 1
    case (.finished, MessageNumber.authenticationRequest):
      // RFC 4252 §5.1, already while SUCCESS waits behind a failure's delay.
      return
    case (.service, _):
      throw .outOfPhase(expected: "SERVICE_REQUEST", got: number)
    case (.verifying, _):
      throw .outOfPhase(expected: "nothing before our answer", got: number)
    case (.idle, _), (.deciding, _), (.interactive, _):
      throw .outOfPhase(expected: "USERAUTH_REQUEST", got: number)
    case (.finished, _):
      throw .outOfPhase(expected: "a connection message", got: number)
    }
  }

  private mutating func serviceRequested(_ payload: ByteBuffer) throws(SSHError) {
    let name = try ServiceMessage.name(payload: payload)
    guard name == "ssh-userauth" else {
      throw SSHError(
        kind: .authentication, reason: .serviceNotAvailable, text: "Service not available.",
        diagnostic: "expected service ssh-userauth, got \(name.printable(limit: 64))")
    }
    reply { ServiceMessage.write(MessageNumber.serviceAccept, name, into: &$0) }
  }

  /// RFC 4252 §5: user and service stay what they were; the bytes count.
  private mutating func checkSameUser(_ request: AuthenticationRequestMessage) throws(SSHError) {
    guard request.service == AuthenticationRequestMessage.connectionService else {
      throw SSHError(
        kind: .authentication, reason: .serviceNotAvailable, text: "Service not available.",
        diagnostic: "expected service ssh-connection, got \(request.service.printable(limit: 64))")
    }
    if let username {
      guard Array(username.utf8) == Array(request.username.utf8) else {
        throw SSHError(
          kind: .authentication, reason: .protocolError, text: "Change of username is not allowed.",
          diagnostic: "expected user \(username.printable()), got \(request.username.printable())"
        )
      }
    } else {
      username = request.username
    }
  }

  private mutating func abandonOpenRound() {
    switch state {
    case .deciding:
      if let login { events.append(.loginAbandoned(login.proven.attempt)) }
      login = nil
      // The question had stopped the clock; nothing is proved that still counts.
      restartGrace()
    case .interactive(let unanswered, _, _):
      if unanswered { staleResponses += 1 }
      restartGrace()
    case .service, .idle, .verifying, .finished:
      break
    }
    state = .idle
    ignoreDeadline = nil
    refreshDeadline = nil
  }

  private mutating func handle(_ request: AuthenticationRequestMessage) throws(SSHError) {
    switch request.method {
    case .none:
      try fail(none: true)
    case .publicKey(let offer):
      try handle(offer, username: request.username)
    case .keyboardInteractive:
      try interactiveRequested()
    case .other:
      try fail()
    }
  }

  private mutating func handle(_ offer: PublicKeyOffer, username: String) throws(SSHError) {
    // After the partial success only keyboard-interactive leads on, with the key that was proved.
    guard login?.prompt == nil else { return try fail() }
    guard offer.hostKey == nil || offer.hostKey == hostKey else { return try fail() }
    guard let usable = usableKey(offer) else { return try fail() }
    guard offer.signature != nil else {
      return reply { PublicKeyAcceptedMessage.write(algorithm: offer.algorithm, blob: offer.blob, into: &$0) }
    }
    try budget.spendSignature()
    // The authority's signature costs one as well.
    if usable.certificate != nil { try budget.spendSignature() }
    checks &+= 1
    let work = SignatureWork(
      offer: offer, usable: usable, sessionID: sessionID, hostKey: hostKey, username: username, number: checks)
    if configuration.keyExchangeOffload == .expensive, work.isExpensive {
      state = .verifying(number: checks)
      return events.append(.signatureWork(work))
    }
    try settle(work, work.run())
  }

  /// What comes of work that was handed out.
  mutating func complete(_ work: SignatureWork, _ outcome: SignatureWork.Outcome) throws(SSHError) {
    guard case .verifying(work.number) = state else { return }
    state = .idle
    try settle(work, outcome)
  }

  private mutating func settle(_ work: SignatureWork, _ outcome: SignatureWork.Outcome) throws(SSHError) {
    if let refusal = outcome.refusal { events.append(.certificateRefused(refusal)) }
    guard let proof = outcome.proof else { return try fail() }
    proved(proof, username: work.username)
  }

  /// A signature is checked elsewhere: the client's next message waits.
  var isVerifying: Bool { if case .verifying = state { true } else { false } }

  private mutating func usableKey(_ offer: PublicKeyOffer) -> UsableKey? {
    do {
      return try PublicKeyProof.usableKey(offer, from: client, configuration.certificates)
    } catch {
      events.append(.certificateRefused(error))
      return nil
    }
  }

  private mutating func proved(_ proof: ProvenKey, username: String) {
    attempts += 1
    let proven = ProvenLogin(attempt: LoginAttempt(number: attempts), username: username, proof: proof)
    login = Login(proven: proven)
    state = .deciding
    graceDeadline = nil
    events.append(.login(proven))
  }

  private mutating func interactiveRequested() throws(SSHError) {
    guard let login, let prompt = login.prompt else { return try fail() }
    if let banner = login.approval { return succeed(banner: banner) }
    show(login.nextPrompt ?? prompt, isRefresh: false)
    if login.nextPrompt != nil {
      self.login?.prompt = login.nextPrompt
      self.login?.nextPrompt = nil
    }
    graceDeadline = nil
  }

  private mutating func show(_ prompt: InteractivePrompt, isRefresh: Bool) {
    state = .interactive(unanswered: true, questions: prompt.questions.count, isRefresh: isRefresh)
    reply { prompt.write(into: &$0) }
    let now = configuration.clock()
    // A prompt with words in it may wait for its reader.
    refreshDeadline = isRefresh ? now + configuration.authentication.waitingAnswerTime : nil
    ignoreDeadline = now + configuration.authentication.waitingIgnoreInterval
  }

  private mutating func answered(_ payload: ByteBuffer, questions: Int, isRefresh: Bool) throws(SSHError) {
    let answers = try InformationResponseMessage.answers(payload: payload, limits: configuration.limits)
    guard let login else { throw .outOfPhase(expected: "a login", got: MessageNumber.informationResponse) }
    guard answers.count == questions else {
      throw .malformed("USERAUTH_INFO_RESPONSE", expected: "\(questions) answers", got: "\(answers.count)")
    }
    state = .interactive(unanswered: false, questions: 0, isRefresh: false)
    if let banner = login.approval { return succeed(banner: banner) }
    let now = configuration.clock()
    refreshDeadline = now + configuration.authentication.waitingRefreshInterval
    if questions > 0 {
      events.append(.promptAnswered(login.proven.attempt, answers))
    } else if !isRefresh {
      events.append(.signInShown(login.proven.attempt))
    }
    if let next = login.nextPrompt {
      self.login?.nextPrompt = nil
      self.login?.prompt = next
      show(next, isRefresh: false)
    }
  }

  // MARK: answers of the authenticator

  mutating func accept(_ attempt: LoginAttempt, banner: [String]) -> Bool {
    guard let login, login.proven.attempt == attempt else { return false }
    switch state {
    case .deciding, .interactive(unanswered: false, _, _):
      succeed(banner: banner)
    case .interactive(unanswered: true, _, _), .idle:
      // Some libraries choke on a SUCCESS that overtakes their answer (ssh.md 2.5).
      guard login.prompt != nil else { return false }
      self.login?.approval = banner
      restartGrace()
    case .service, .verifying, .finished:
      return false
    }
    return true
  }

  mutating func requireSignIn(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    guard case .deciding = state, let login, login.proven.attempt == attempt else { return false }
    self.login?.prompt = prompt
    state = .idle
    restartGrace()
    // OpenSSH would go on with its next key if `publickey` were still listed (ssh.md 2.7).
    let message = AuthenticationFailureMessage(
      canContinue: [AuthenticationRequestMessage.keyboardInteractiveName], isPartialSuccess: true)
    reply { message.write(into: &$0) }
    return true
  }

  /// Another round, possibly with questions.
  mutating func ask(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    guard let login, login.proven.attempt == attempt, login.prompt != nil, login.approval == nil else { return false }
    switch state {
    case .interactive(unanswered: false, _, _):
      self.login?.prompt = prompt
      show(prompt, isRefresh: false)
    case .interactive(unanswered: true, _, _), .idle:
      self.login?.nextPrompt = prompt
    case .service, .verifying, .deciding, .finished:
      return false
    }
    return true
  }

  mutating func refuse(_ attempt: LoginAttempt) throws(SSHError) -> Bool {
    guard let login, login.proven.attempt == attempt else { return false }
    switch state {
    case .deciding, .interactive(unanswered: false, _, _), .idle:
      break
    case .interactive(unanswered: true, _, _):
      staleResponses += 1
    case .service, .verifying, .finished:
      return false
    }
    self.login = nil
    let wasIdle = if case .idle = state { true } else { false }
    state = .idle
    ignoreDeadline = nil
    refreshDeadline = nil
    restartGrace()
    // In between requests there is nothing to answer; the next keyboard-interactive fails.
    if !wasIdle { try fail() }
    return true
  }

  // MARK: what leaves

  private mutating func succeed(banner: [String]) {
    if let terms = login?.proven.proof.terms {
      do {
        // The proof may be many minutes old, and came by another step than this one.
        try terms.checkStillHolds(from: client.address, configuration.certificates)
      } catch {
        return events.append(.failed(.certificate(error)))
      }
    }
    state = .finished
    firstRequestDeadline = nil
    graceDeadline = nil
    ignoreDeadline = nil
    refreshDeadline = nil
    if !banner.isEmpty {
      let text = banner.joined(separator: "\r\n") + "\r\n"
      reply { BannerMessage.write(text, into: &$0) }
    }
    var payload = ByteBuffer()
    payload.writeInteger(MessageNumber.authenticationSuccess)
    outbox.append(Outgoing(payload: payload, due: outbox.last?.due ?? 0, isSuccess: true))
  }

  private mutating func fail(none: Bool = false) throws(SSHError) {
    try budget.spendFailure(none: none)
    let next =
      login?.prompt == nil
      ? AuthenticationRequestMessage.publicKeyName : AuthenticationRequestMessage.keyboardInteractiveName
    let message = AuthenticationFailureMessage(canContinue: [next], isPartialSuccess: false)
    reply(delay: none ? 0 : failureDelay) { message.write(into: &$0) }
  }

  /// Depends on the name and a secret of this start alone, never on whether the name exists (OpenSSH, auth2.c).
  private var failureDelay: UInt64 {
    let settings = configuration.authentication
    let hash = Digest.sha256(settings.delaySecret + Array((username ?? "").utf8))
    let fraction = hash.prefix(2).reduce(0) { $0 << 8 | UInt64($1) }
    return min(settings.failureDelay + settings.failureDelay * fraction / 78_000, settings.failureDelayLimit)
  }

  private mutating func reply(delay: UInt64 = 0, _ body: (inout ByteBuffer) -> Void) {
    var payload = ByteBuffer()
    body(&payload)
    let due = delay == 0 ? 0 : configuration.clock() + delay
    outbox.append(Outgoing(payload: payload, due: max(due, outbox.last?.due ?? 0), isSuccess: false))
  }

  mutating func nextOutgoing(now: UInt64) -> Outgoing? {
    guard let first = outbox.first, first.due <= now else { return nil }
    return outbox.popFirst()
  }

  mutating func nextEvent() -> AuthenticationEvent? { events.popFirst() }

  /// Attempts that failed; the first `none` is none.
  var failures: Int { budget.failures }
  /// The client has asked for something, if only for the methods.
  var hasBeenAsked: Bool { firstRequestDeadline == nil }

  // MARK: time

  private mutating func restartGrace() {
    graceDeadline = configuration.clock() + configuration.authentication.graceTime
  }

  var deadline: UInt64? {
    let delayed = outbox.first.flatMap { $0.due > 0 ? $0.due : nil }
    let grace = earliest(firstRequestDeadline, graceDeadline)
    return earliest(earliest(delayed, grace), earliest(ignoreDeadline, refreshDeadline))
  }

  /// IGNORE each second and an empty INFO_REQUEST each 20 s keep the client's own timeouts quiet (ssh.md 2.6).
  mutating func timePassed(now: UInt64) throws(SSHError) {
    if let limit = firstRequestDeadline, now >= limit { throw .timedOut("authentication") }
    if let limit = graceDeadline, now >= limit { throw .timedOut("authentication") }
    if let limit = ignoreDeadline, now >= limit {
      ignoreDeadline = now + configuration.authentication.waitingIgnoreInterval
      reply {
        $0.writeInteger(MessageNumber.ignore)
        $0.writeSSHString("")
      }
    }
    if let limit = refreshDeadline, now >= limit {
      refreshDeadline = nil
      switch state {
      case .interactive(unanswered: false, _, _): show(.empty, isRefresh: true)
      case .interactive(unanswered: true, _, isRefresh: true): throw .timedOut("an answer while the sign-in waits")
      case .service, .idle, .verifying, .deciding, .interactive, .finished: break
      }
    }
  }
}
