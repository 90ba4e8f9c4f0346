import EdgeCrypto
import Policy
import SSHProtocol
import Synchronization

/// The one place where connections are let in, counted and turned away, from accept to sign-in; all of it in constant time
/// and before any cryptography.
///
/// Nobody behind a shared address is shut out for what a neighbour does: a sign-in clears the source's penalties and makes
/// the source known for a day, and of a known source penalties turn away only every other connection. Newcomers who find no
/// room get the place of somebody who has had their time without proving a key, and known sources have places in reserve.
final class ConnectionGate: Sendable {
  enum Verdict {
    case admitted(GateTicket)
    case refused(GateRefusal, isWorthTelling: Bool)
  }

  /// Of a hundred connections of a known source, how many a penalty turns away.
  static let penalisedShareOfKnown = 50

  private struct State {
    var limits: SourceLimits
    var startups: SSHServerConfiguration.MaxStartups
    var connectionsPerPerson: Int
    var room = WaitingRoom()
    var book: PenaltyBook
    var people: [Person: Int] = [:]
    var signedInOfSource: [SourceBlock: Int] = [:]
    var journal = RefusalJournal()
    var counts = GateCounts()
    var lastNumber: UInt64 = 0

    func source(of address: IPAddress?) -> SourceBlock? {
      guard let address, !limits.exempt.contains(where: { $0.contains(address) }) else { return nil }
      return SourceBlock(address, limits.block)
    }

    func isKnown(_ source: SourceBlock, _ now: UInt64) -> Bool {
      signedInOfSource[source] != nil || book.isKnown(source, now: now)
    }
  }

  private let state: Mutex<State>
  private let clock: MonotonicClock
  private let random: RandomSource

  init(
    _ configuration: SSHServerConfiguration, random: @escaping RandomSource,
    clock: @escaping MonotonicClock = SystemClock.monotonic
  ) {
    self.clock = clock
    self.random = random
    state = Mutex(
      State(
        limits: configuration.sources, startups: configuration.maxStartups,
        connectionsPerPerson: configuration.maxConnectionsPerPerson, book: PenaltyBook(configuration.sources.penalties))
    )
  }

  /// Counts for connections to come, and for what is already written down.
  func configure(_ configuration: SSHServerConfiguration) {
    state.withLock { state in
      // Blocks of another size would not match what was counted; old terms run out by themselves.
      state.limits = configuration.sources
      state.startups = configuration.maxStartups
      state.connectionsPerPerson = configuration.maxConnectionsPerPerson
      state.book.configure(configuration.sources.penalties)
    }
  }

  var counts: GateCounts {
    state.withLock { state in
      var counts = state.counts
      counts.waiting = state.room.count
      counts.signedIn = state.people.values.reduce(0, +)
      return counts
    }
  }

  // MARK: Coming in

  /// Whether this connection may begin; if so it is counted until `leave`.
  func enter(_ address: String, _ connection: ConnectionHandle) -> Verdict {
    let now = clock()
    let draw = random(4).reduce(0) { $0 << 8 | Int($1) }
    let ip = IPAddress(address)
    let (verdict, dismissed) = state.withLock { state -> (Verdict, ConnectionHandle?) in
      let source = state.source(of: ip)
      var dismissed: ConnectionHandle?
      let refusal = Self.refusal(of: source, &state, draw: draw, now: now, &dismissed)
      if let refusal {
        let isWorthTelling = Self.note(refusal, source, address, &state)
        return (.refused(refusal, isWorthTelling: isWorthTelling), nil)
      }
      if dismissed != nil { state.counts.refused[.madeRoom, default: 0] += 1 }
      state.lastNumber += 1
      state.counts.admitted += 1
      state.room.enter(state.lastNumber, from: source, connection, now: now)
      return (.admitted(GateTicket(number: state.lastNumber, source: source)), dismissed)
    }
    dismissed?.perform { $0.makeRoom() }
    return verdict
  }

  private static func refusal(
    of source: SourceBlock?, _ state: inout State, draw: Int, now: UInt64, _ dismissed: inout ConnectionHandle?
  ) -> GateRefusal? {
    let isKnown = source.map { state.isKnown($0, now) } ?? false
    if let source {
      if state.book.isPenalised(source, now: now), !isKnown || draw / 100 % 100 < penalisedShareOfKnown {
        return .penalty
      }
      if state.limits.maxStartups > 0, state.room.count(of: source) >= state.limits.maxStartups {
        dismissed = state.room.dismissOverdue(of: source, now: now)
        return dismissed == nil ? .sourceStartups : nil
      }
    }
    let startups = state.startups
    guard draw % 100 < startups.refusedPercent(count: state.room.count) else { return nil }
    if isKnown, state.room.count < startups.full + startups.reserve { return nil }
    dismissed = state.room.dismissOverdue(now: now)
    return dismissed == nil ? .startups : nil
  }

  private static func note(_ refusal: GateRefusal, _ source: SourceBlock?, _ text: String, _ state: inout State) -> Bool
  {
    state.counts.refused[refusal, default: 0] += 1
    return state.journal.note(refusal, source, text)
  }

  /// Turned away by somebody else than `enter`; whether it is worth a line in the log at once.
  func note(_ refusal: GateRefusal, _ address: String) -> Bool {
    let ip = IPAddress(address)
    return state.withLock { Self.note(refusal, $0.source(of: ip), address, &$0) }
  }

  // MARK: Going on

  /// The client did its part of a key exchange: from here on a person may be thinking.
  func exchangedKeys(_ ticket: inout GateTicket) {
    ticket.hasKeys = true
    let number = ticket.number
    state.withLock { $0.room.exchangedKeys(number) }
  }

  /// A browser is waited for; what waits there is bounded by whoever gives out the codes.
  func beganSignIn(_ ticket: inout GateTicket) {
    guard ticket.standing == .waiting else { return }
    ticket.standing = .signingIn
    let number = ticket.number
    state.withLock { _ = $0.room.leave(number) }
  }

  /// The sign-in was given up, and the connection is what it was before.
  func gaveUpSignIn(_ ticket: inout GateTicket, _ connection: ConnectionHandle) {
    guard ticket.standing == .signingIn else { return }
    ticket.standing = .waiting
    let (number, source, now) = (ticket.number, ticket.source, clock())
    state.withLock { $0.room.enter(number, from: source, connection, now: now) }
  }

  /// Somebody signed in: the source's penalties are forgotten. False: they have too many connections already.
  func signedIn(_ ticket: inout GateTicket, _ subject: Subject) -> Bool {
    let person = Person(subject)
    let (number, source, now) = (ticket.number, ticket.source, clock())
    let isWithin = state.withLock { state in
      _ = state.room.leave(number)
      if let source { state.book.clear(source, now: now) }
      let count = state.people[person] ?? 0
      guard count < state.connectionsPerPerson else { return false }
      state.people[person] = count + 1
      if let source { state.signedInOfSource[source, default: 0] += 1 }
      return true
    }
    ticket.standing = isWithin ? .signedIn(person) : .gone
    return isWithin
  }

  /// The connection is over. How long its source is shut out from now on, in seconds, if that begins now.
  func leave(_ ticket: inout GateTicket, _ misconduct: Misconduct?) -> Int? {
    let (standing, number, source, now) = (ticket.standing, ticket.number, ticket.source, clock())
    ticket.standing = .gone
    return state.withLock { state in
      switch standing {
      case .waiting: state.room.leave(number)
      case .signingIn, .gone: break
      case .signedIn(let person):
        Self.discount(&state.people, person)
        if let source { Self.discount(&state.signedInOfSource, source) }
      }
      guard let misconduct else { return nil }
      state.counts.misconduct[misconduct, default: 0] += 1
      return source.flatMap { state.book.add(misconduct, by: $0, now: now) }
    }
  }

  private static func discount<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
    let left = (counts[key] ?? 0) - 1
    counts[key] = left > 0 ? left : nil
  }

  /// The refusals since the last call that nobody was told of.
  func summary() -> [RefusalJournal.Line] { state.withLock { $0.journal.summary() } }
}
