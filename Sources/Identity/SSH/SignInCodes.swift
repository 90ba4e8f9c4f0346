import Policy

/// The ssh logins that wait for a browser. A value: nothing here waits, sends or reads a clock.
///
/// ```
/// join ──▶ waiting ──open──▶ opened ──approve──▶ deciding ──▶ decided
///             │                 │  └─approve──▶ confirming ──digits──▶ deciding
///             └── evicted       └──────── deny, expiry, last hang-up ──▶ gone
/// ```
struct SignInCodes {
  struct Limits: Sendable {
    /// Codes of one source (security rule 11).
    var perSource = 32
    /// Connections that wait: in all, of one source, and on one code.
    var connections = 1000
    var connectionsPerSource = 64
    var perCode = 32
    /// Codes that were answered are remembered, so that a second answer can be told so.
    var remembered = 1024
    var tries = 3
  }

  enum Stage: Sendable, Hashable {
    case waiting
    /// The store is being written.
    case deciding
    case confirming(digits: String, triesLeft: Int)
  }

  struct Entry {
    var code: String
    var request: SSHSignInRequest
    var source: SourceAddress
    var createdAt: UnixTime
    var expiresAt: UnixTime
    var order: UInt64
    /// The session that opened the page first: the only one that may approve.
    var openedBy: String?
    var stage = Stage.waiting
    /// What Authorize was to mean: the key stays with the person until the session ends, or lets in those who wait, once.
    var remembersKey = true
    var waiters: [SSHSignInWaiter]

    /// Nobody who signed in has looked at it yet, so it may be given up for others (security rule 11).
    var isEvictable: Bool { openedBy == nil && stage == .waiting }
  }

  /// Connections to tell, and what.
  typealias Notice = (waiters: [SSHSignInWaiter], outcome: SSHSignInOutcome)

  enum Joined {
    case code(String, evicted: Notice?, mustConfirm: Bool)
    case full
  }

  private struct ShareKey: Hashable {
    var fingerprint: String
    var scope: BindingScope
    var source: SourceAddress
  }

  /// How a code ended, for those who come with it later.
  private enum Past {
    case authorized
    case denied
    /// It could not be granted.
    case refused
    case expired
    /// Authorized on the page, and its digits never came: the ssh client went away, they were wrong too often, the time was
    /// over, or the session that authorized ended.
    case notConfirmed

    /// Of a code that ends without an answer.
    init(unanswered stage: Stage) {
      if case .confirming = stage { self = .notConfirmed } else { self = .expired }
    }

    var error: IdentityError {
      switch self {
      case .authorized:
        IdentityError(
          .alreadyDecided,
          "This ssh login is authorized already. Go back to your terminal; if nothing goes on there, connect again.")
      case .denied:
        IdentityError(
          .alreadyDecided, "This ssh login has been denied already. Connect again if you still need it.")
      case .refused:
        IdentityError(
          .alreadyDecided, "This ssh login has already been answered. Connect again if you still need it.")
      case .expired:
        IdentityError(
          .expired, "The ssh connection behind this link is gone or has waited too long. Connect again for a new link.")
      case .notConfirmed:
        IdentityError(
          .notConfirmed,
          "This ssh login was authorized, but its six digits were not typed at the ssh prompt: ssh has ended or could not "
            + "ask, they were wrong three times, or it took too long. Nothing was allowed. Connect again for a new link."
        )
      }
    }
  }

  private let limits: Limits
  private var entries: [String: Entry] = [:]
  private var shared: [ShareKey: String] = [:]
  private var past: [String: Past] = [:]
  private var pastOrder: [String] = []
  private var lastOrder: UInt64 = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  var count: Int { entries.count }

  // MARK: the ssh side

  /// Joins the code that waits for the same key, scope and source, or begins one (security rules 9 and 11).
  mutating func join(
    _ request: SSHSignInRequest, waiter: SSHSignInWaiter, newCode: String, now: UnixTime, lifetime: Int64
  ) -> Joined {
    let source = SourceAddress(request.sourceAddress)
    let key = ShareKey(fingerprint: request.keyFingerprint, scope: request.scope, source: source)
    if let code = shared[key], let entry = entries[code], now < entry.expiresAt {
      guard entry.waiters.count < limits.perCode, let evicted = makeRoom(for: source.limitGroup, joining: code) else {
        return .full
      }
      entries[code]?.waiters.append(waiter)
      var mustConfirm = false
      if case .confirming = entry.stage { mustConfirm = true }
      return .code(code, evicted: evicted.waiters.isEmpty ? nil : evicted, mustConfirm: mustConfirm)
    }
    guard let evicted = makeRoom(for: source.limitGroup, joining: nil) else { return .full }
    lastOrder += 1
    entries[newCode] = Entry(
      code: newCode, request: request, source: source, createdAt: now, expiresAt: now.adding(seconds: lifetime),
      order: lastOrder, waiters: [waiter])
    shared[key] = newCode
    return .code(newCode, evicted: evicted.waiters.isEmpty ? nil : evicted, mustConfirm: false)
  }

  /// A connection is gone; with the last one goes the code.
  mutating func leave(_ code: String, _ waiter: SSHSignInWaiter) {
    guard var entry = entries[code] else { return }
    entry.waiters.removeAll { $0 === waiter }
    entries[code] = entry
    if entry.waiters.isEmpty, entry.stage != .deciding { remove(code, as: Past(unanswered: entry.stage)) }
  }

  // MARK: the browser side

  func entry(_ code: String, now: UnixTime) throws(IdentityError) -> Entry {
    if let entry = entries[code] {
      guard now < entry.expiresAt else { throw Past(unanswered: entry.stage).error }
      return entry
    }
    if let past = past[code] { throw past.error }
    guard code.utf8.count >= SignInCode.length else { throw Self.incomplete }
    throw IdentityError(.badRequest, "No ssh connection waits for this link. Connect again for a new one.")
  }

  /// The first signed-in session to open the page owns the code; so does the next one when that session has ended.
  mutating func open(
    _ code: String, by sessionID: String, now: UnixTime, isLive: (String) -> Bool
  ) throws(IdentityError) -> Entry {
    var entry = try entry(code, now: now)
    if entry.stage == .waiting, entry.openedBy.map({ !isLive($0) }) ?? true { entry.openedBy = sessionID }
    entries[code] = entry
    return entry
  }

  /// Takes the right to decide: from here on nobody else can, until `settle` or `giveUp`.
  mutating func beginApproval(
    _ code: String, by sessionID: String, now: UnixTime, remembersKey: Bool = true
  ) throws(IdentityError) -> Entry {
    var entry = try entry(code, now: now)
    guard entry.openedBy == sessionID else {
      throw IdentityError(
        .forbidden,
        "Only the browser that opened this link first may authorize it. If that was not you, somebody else has the "
          + "link: deny it and connect again.")
    }
    guard entry.stage == .waiting else { throw Past.authorized.error }
    entry.remembersKey = remembersKey
    entry.stage = .deciding
    entries[code] = entry
    return entry
  }

  /// The digits that this session was shown for the code: Authorize was pressed again, or the page loaded anew.
  func digits(_ code: String, shownTo sessionID: String, now: UnixTime) -> String? {
    guard let entry = entries[code], entry.openedBy == sessionID, now < entry.expiresAt,
      case .confirming(let digits, _) = entry.stage
    else { return nil }
    return digits
  }

  /// Asks for digits at the ssh prompt before anything is granted.
  mutating func askForDigits(_ code: String, digits: String) -> Notice? {
    guard let entry = entries[code], entry.stage == .deciding else { return nil }
    entries[code]?.stage = .confirming(digits: digits, triesLeft: limits.tries)
    if entry.waiters.isEmpty { remove(code, as: .notConfirmed) }
    return (entry.waiters, .confirmInTerminal)
  }

  enum DigitsVerdict {
    case right(Entry)
    case wrong(triesLeft: Int)
    case failed(Notice)
    case notAsked
  }

  mutating func checkDigits(_ code: String, _ digits: String, now: UnixTime) -> DigitsVerdict {
    guard let entry = entries[code], now < entry.expiresAt, case .confirming(let expected, let tries) = entry.stage
    else { return .notAsked }
    if digits == expected {
      entries[code]?.stage = .deciding
      return .right(entry)
    }
    guard tries > 1 else {
      remove(code, as: .notConfirmed)
      let text = "These were the wrong digits once too often. Connect again for a new link."
      return .failed((entry.waiters, .refused(text)))
    }
    entries[code]?.stage = .confirming(digits: expected, triesLeft: tries - 1)
    return .wrong(triesLeft: tries - 1)
  }

  /// The binding stands: whoever waits now is let in.
  mutating func settle(_ code: String, _ outcome: SSHSignInOutcome) -> Notice? {
    guard let entry = entries[code] else { return nil }
    if case .approved = outcome { remove(code, as: .authorized) } else { remove(code, as: .refused) }
    return (entry.waiters, outcome)
  }

  /// The approval could not be carried out; the code waits again.
  mutating func giveUp(_ code: String) {
    guard let entry = entries[code], entry.stage == .deciding else { return }
    entries[code]?.stage = .waiting
    if entry.waiters.isEmpty { remove(code, as: .expired) }
  }

  /// Anybody signed in who holds the code may deny it.
  mutating func deny(_ code: String, now: UnixTime) throws(IdentityError) -> Notice {
    let entry = try entry(code, now: now)
    guard entry.stage != .deciding else { throw Past.authorized.error }
    remove(code, as: .denied)
    return (entry.waiters, .denied)
  }

  /// The person who authorized has signed out before the digits were typed; whoever waits is told.
  mutating func endConfirmations(of sessionIDs: Set<String>) -> [Notice] {
    let ended = entries.values.filter { entry in
      guard case .confirming = entry.stage, let opener = entry.openedBy else { return false }
      return sessionIDs.contains(opener)
    }
    for entry in ended { remove(entry.code, as: .notConfirmed) }
    return ended.map {
      ($0.waiters, .refused("The browser session that authorized this login has ended. Connect again."))
    }
  }

  /// The links lead nowhere any more.
  mutating func endAll(_ outcome: SSHSignInOutcome) -> [Notice] {
    let ended = entries.values.filter { $0.stage != .deciding }
    for entry in ended { remove(entry.code, as: Past(unanswered: entry.stage)) }
    return ended.map { ($0.waiters, outcome) }
  }

  // MARK: time

  mutating func removeExpired(at now: UnixTime) -> [Notice] {
    let expired = entries.values.filter { now >= $0.expiresAt && $0.stage != .deciding }
    for entry in expired { remove(entry.code, as: Past(unanswered: entry.stage)) }
    return expired.map { ($0.waiters, .expired) }
  }

  // MARK: room

  /// Makes sure that one more connection fits, on the code it joins or on a new one. When its source, or the whole table,
  /// is full, the oldest code that nobody has opened goes, with all who wait on it; from the source with most of them
  /// waiting, unless the newcomer's own is full. Nil: nothing may go.
  private mutating func makeRoom(for group: SourceAddress, joining code: String?) -> Notice? {
    let own = entries.values.filter { $0.source.limitGroup == group }
    let isOwnFull =
      (code == nil && own.count >= limits.perSource) || Self.connections(own) >= limits.connectionsPerSource
    let candidates: [Entry]
    if isOwnFull {
      candidates = own
    } else if Self.connections(Array(entries.values)) >= limits.connections {
      candidates =
        Dictionary(grouping: entries.values) { $0.source.limitGroup }.values
        .filter { $0.contains { $0.isEvictable && $0.code != code } }
        .max { Self.connections($0) < Self.connections($1) } ?? []
    } else {
      return ([], .evicted)
    }
    let victim = candidates.filter { $0.isEvictable && $0.code != code }.min { $0.order < $1.order }
    guard let victim else { return nil }
    remove(victim.code, as: .expired)
    return (victim.waiters, .evicted)
  }

  private static func connections(_ entries: [Entry]) -> Int { entries.reduce(0) { $0 + $1.waiters.count } }

  private mutating func remove(_ code: String, as end: Past) {
    guard let entry = entries.removeValue(forKey: code) else { return }
    let key = ShareKey(fingerprint: entry.request.keyFingerprint, scope: entry.request.scope, source: entry.source)
    if shared[key] == code { shared[key] = nil }
    past[code] = end
    pastOrder.append(code)
    if pastOrder.count > limits.remembered {
      for old in pastOrder.prefix(limits.remembered / 2) { past[old] = nil }
      pastOrder.removeFirst(limits.remembered / 2)
    }
  }

  private static let incomplete = IdentityError(
    .badRequest,
    "This link is not complete: its code has \(SignInCode.length) characters. Some terminals break long lines; copy the "
      + "rest from the next line, too.")
}
