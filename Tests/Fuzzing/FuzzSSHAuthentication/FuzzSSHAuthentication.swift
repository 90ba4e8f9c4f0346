import EdgeCrypto
import FuzzDriver
import NIOCore

@testable import SSHProtocol

// Signing in. The input is a list of steps: of the client (right and wrong requests, any message) and of the authenticator
// (yes, no, show a prompt), and time. Whatever they are:
//   - a login appears only for a request whose signature was made with the key that it names, and names that key;
//   - SUCCESS leaves only after a yes to the newest login, and to none that was abandoned;
//   - a message of the layers above, or of a server, ends it.
// One input in eight goes through a whole connection instead: out of the cipher nothing but logins may come.

@_cdecl("FuzzSSHAuthentication_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    if input.byte() % 8 == 7 {
      WholeConnection.run(&input)
    } else {
      var course = Course()
      course.run(&input)
    }
  }
}

/// One sign-in, and what may be expected of it.
private struct Course: ~Copyable {
  private var machine: AuthenticationMachine
  private let session = Array(repeating: UInt8(7), count: 32)
  private var logins: [LoginAttempt] = []
  private var newestKey: [UInt8] = []
  private var abandoned: Set<LoginAttempt> = []
  private var accepted: LoginAttempt?
  private var hasSucceeded = false
  private var requests = 0

  init() {
    Fixture.now = 1_000_000_000
    machine = AuthenticationMachine(Fixture.server, start: Fixture.now)
    machine.client.address = "192.0.2.7"
    machine.begin(sessionID: session, hostKey: Fixture.hostKey)
  }

  mutating func run(_ input: inout FuzzInput) {
    var steps = 0
    do throws(SSHError) {
      if input.bool() { try receive(Request.service("ssh-userauth")) }
      while !input.isEmpty, steps < 300 {
        steps += 1
        try step(&input)
      }
    } catch {
      guard error.text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { fatalError(error.text) }
    }
  }

  private mutating func step(_ input: inout FuzzInput) throws(SSHError) {
    switch input.byte() % 16 {
    case 0: try receive(Request.make(.none(&input)))
    case 1: try receive(Request.make(.query(&input)))
    case 2, 3, 4:
      let signed = Request.Signed(&input)
      try receive(signed.message(session), proving: signed.provenKey)
    case 5: try receive(Request.make(.interactive(&input)))
    case 6: try receive(Request.answers(&input))
    case 7: try receive(Request.service(input.bool() ? "ssh-userauth" : "ssh-connection"))
    case 8: try receive(Request.make(.other(&input)))
    case 9: try receive(input.piece())
    case 10: accept(logins.isEmpty ? nil : logins[input.number(below: logins.count)])
    case 11: if let last = logins.last { accept(last) }
    case 12: if let last = logins.last { _ = machine.requireSignIn(last, prompt: Fixture.prompt(0)) }
    case 13: if let last = logins.last { _ = machine.ask(last, prompt: Fixture.prompt(input.number(below: 4))) }
    case 14: if let last = logins.last { _ = try machine.refuse(last) }
    default: try wait(input.bool() ? 10_000_000 : UInt64(input.byte()) * 1_000_000_000)
    }
    takeEvents(nil)
    takeOutgoing()
  }

  private mutating func accept(_ attempt: LoginAttempt?) {
    guard let attempt, machine.accept(attempt, banner: []) else { return }
    guard attempt == logins.last, !abandoned.contains(attempt) else { fatalError("accepted \(attempt) of \(logins)") }
    accepted = attempt
  }

  private mutating func wait(_ nanoseconds: UInt64) throws(SSHError) {
    Fixture.now += nanoseconds
    try machine.timePassed(now: Fixture.now)
  }

  private mutating func receive(_ message: [UInt8], proving key: [UInt8]? = nil) throws(SSHError) {
    guard let number = message.first else { return }
    try machine.receive(ByteBuffer(bytes: message), number: number)
    switch number {
    case MessageNumber.serviceRequest, MessageNumber.authenticationRequest, MessageNumber.informationResponse: break
    default: fatalError("message \(number) was taken")
    }
    if !hasSucceeded { requests += 1 }
    if requests > 1000 { fatalError("requests without an end") }
    takeEvents(key)
  }

  private mutating func takeEvents(_ proving: [UInt8]?) {
    while let event = machine.nextEvent() {
      switch event {
      case .login(let login):
        guard let proving, login.key.blob == proving else { fatalError("login of \(login.key.fingerprint)") }
        logins.append(login.attempt)
        newestKey = proving
      case .loginAbandoned(let attempt): abandoned.insert(attempt)
      case .promptAnswered(let attempt, _), .signInShown(let attempt):
        guard attempt == logins.last else { fatalError("an answer for \(attempt) of \(logins)") }
      case .certificateRefused: break
      case .signatureWork: fatalError("a signature was handed out")
      case .failed: accepted = nil
      }
    }
  }

  private mutating func takeOutgoing() {
    guard machine.outbox.count < 1000 else { fatalError("\(machine.outbox.count) answers wait") }
    while let next = machine.nextOutgoing(now: Fixture.now) {
      guard next.isSuccess == (next.payload.bytes.first == MessageNumber.authenticationSuccess) else {
        fatalError("\(next)")
      }
      guard next.isSuccess else { continue }
      guard let accepted, accepted == logins.last, !abandoned.contains(accepted), !hasSucceeded else {
        fatalError("SUCCESS for \(logins), accepted \(String(describing: accepted))")
      }
      hasSucceeded = true
    }
  }
}
