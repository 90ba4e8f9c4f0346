/// Grants of sessions that have ended, on their way back to their providers: a few at a time, and only so many wait.
struct GrantRevocations: Sendable {
  struct Grant: Sendable {
    /// Of the session that has ended.
    var entry: SessionDirectory.Entry
    var token: String
    var kind: TokenKind
    var provider: any SignInProvider
    /// Who wanted it: another's task may see to it.
    var asking: AskingRequest?
  }

  enum Addition: Sendable {
    /// Whoever added it runs the queue until it gives nothing more.
    case started
    case waits
    case full
  }

  static let parallel = 4
  static let limit = 256

  private var waiting: [Grant] = []
  private var running = 0

  var isIdle: Bool { running == 0 }

  mutating func add(_ grant: Grant) -> Addition {
    guard waiting.count < Self.limit else { return .full }
    waiting.append(grant)
    guard running < Self.parallel else { return .waits }
    running += 1
    return .started
  }

  /// The next one, in the order of sign-outs; nil ends the one who asks.
  mutating func next() -> Grant? {
    guard !waiting.isEmpty else {
      running -= 1
      return nil
    }
    return waiting.removeFirst()
  }
}
