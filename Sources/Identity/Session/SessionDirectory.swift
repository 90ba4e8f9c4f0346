import Policy
import Synchronization

/// Every live session, in memory: what the request path asks. The store follows it.
final class SessionDirectory: Sendable {
  struct Entry: Sendable {
    var session: Session
    /// Unknown after a restart until a browser shows it.
    var handle: SessionHandle?
    /// False after "this browser only".
    var acceptsCookies = true
    /// Names the provider and client it came from.
    var providerFingerprint: String
    var refresh: RefreshState?
    var tokens: ProviderTokens?
    /// The ID token that the person came with, where the provider wants it back when they sign out.
    var logoutHint: String?

    /// Whether the store would have to be told of a change since `other`, an earlier moment of the same session.
    func isStored(otherwiseThan other: Entry) -> Bool {
      session != other.session || acceptsCookies != other.acceptsCookies
        || refresh?.token != other.refresh?.token || tokens != other.tokens
    }
  }

  /// What the background refresh needs to ask the provider again.
  struct RefreshState: Sendable {
    var token: String
    var dueAt: UnixTime
    /// When the provider last said who the person is.
    var confirmedAt: UnixTime
    /// When it first refused to, since then.
    var refusedSince: UnixTime?
  }

  private struct State {
    var entries: [String: Entry] = [:]
    /// No entry expires, and none is due for refresh, before these.
    var nextExpiry = UnixTime(milliseconds: .max)
    var nextRefresh = UnixTime(milliseconds: .max)
  }

  private let state = Mutex(State())

  func insert(_ entry: Entry) {
    state.withLock { state in
      state.entries[entry.session.id] = entry
      state.nextExpiry = min(state.nextExpiry, entry.session.expiresAt)
      if let due = entry.refresh?.dueAt { state.nextRefresh = min(state.nextRefresh, due) }
    }
  }

  /// Inserts, and names the person's oldest sessions beyond the limit: the caller ends them.
  func insert(_ entry: Entry, limitPerPerson: Int) -> [String] {
    insert(entry)
    return state.withLock { state in
      let own = state.entries.values.filter { $0.session.subject.isSamePerson(as: entry.session.subject) }
      guard own.count > limitPerPerson else { return [] }
      let oldestFirst = own.map(\.session).sorted { $0.issuedAt < $1.issuedAt }
      return oldestFirst.map(\.id).filter { $0 != entry.session.id }.prefix(own.count - limitPerPerson).map { $0 }
    }
  }

  func entry(_ id: String, at now: UnixTime) -> Entry? {
    state.withLock { state in
      guard let entry = state.entries[id], now < entry.session.expiresAt else { return nil }
      return entry
    }
  }

  func session(_ id: String, at now: UnixTime) -> Session? {
    state.withLock { state in
      guard let entry = state.entries[id], now < entry.session.expiresAt else { return nil }
      return entry.session
    }
  }

  /// The session of a handle whose MAC was right; the handle is remembered, for cookies of other hosts.
  func session(_ handle: SessionHandle, at now: UnixTime) -> Session? {
    let id = handle.sessionID
    return state.withLock { state in
      guard let entry = state.entries[id], entry.acceptsCookies, now < entry.session.expiresAt else { return nil }
      if entry.handle == nil { state.entries[id]?.handle = handle }
      return entry.session
    }
  }

  func handle(of id: String, at now: UnixTime) -> SessionHandle? {
    guard let entry = entry(id, at: now), entry.acceptsCookies else { return nil }
    return entry.handle
  }

  @discardableResult
  func remove(_ id: String) -> Session? { state.withLock { $0.entries.removeValue(forKey: id)?.session } }

  /// Changes an entry that is still there; returns it as it is now.
  @discardableResult
  func update(_ id: String, _ change: (inout Entry) -> Void) -> Entry? {
    state.withLock { state in
      guard var entry = state.entries[id] else { return nil }
      change(&entry)
      state.entries[id] = entry
      if let due = entry.refresh?.dueAt { state.nextRefresh = min(state.nextRefresh, due) }
      return entry
    }
  }

  /// Takes out what has expired.
  func removeExpired(at now: UnixTime) -> [Session] {
    state.withLock { state in
      guard now >= state.nextExpiry else { return [] }
      let expired = state.entries.values.filter { now >= $0.session.expiresAt }.map(\.session)
      for session in expired { state.entries[session.id] = nil }
      state.nextExpiry = state.entries.values.map(\.session.expiresAt).min() ?? UnixTime(milliseconds: .max)
      return expired
    }
  }

  /// As they are at this moment, to be looked through without holding up those who ask for one: strangers may cause that.
  private var snapshot: [String: Entry] { state.withLock { $0.entries } }

  /// Ids of the live sessions of which something holds.
  func sessions(at now: UnixTime, where holds: (Session) -> Bool) -> [String] {
    snapshot.values.filter { now < $0.session.expiresAt && holds($0.session) }.map(\.session.id)
  }

  /// Every live session of a person, the latest first.
  func sessions(of subject: Subject, at now: UnixTime) -> [ListedSession] {
    let own = snapshot.values.filter {
      now < $0.session.expiresAt && $0.session.subject.isSamePerson(as: subject)
    }
    return own.map { ListedSession(session: $0.session, acceptsCookies: $0.acceptsCookies) }
      .sorted { ($0.session.issuedAt, $0.session.id) > ($1.session.issuedAt, $1.session.id) }
  }

  /// Sessions that did not come from a provider and client that is still there.
  func sessions(unless isAccepted: (Entry) -> Bool) -> [String] {
    state.withLock { $0.entries.values.filter { !isAccepted($0) }.map(\.session.id) }
  }

  /// Whether the same person has another session of the same client.
  func hasOther(like entry: Entry, at now: UnixTime) -> Bool {
    snapshot.values.contains { other in
      other.providerFingerprint == entry.providerFingerprint && now < other.session.expiresAt
        && other.session.id != entry.session.id && other.session.subject.isSamePerson(as: entry.session.subject)
    }
  }

  /// The latest grant of the same person and client that is another one.
  func otherGrant(than entry: Entry, at now: UnixTime) -> String? {
    state.withLock { state in
      state.entries.values.filter { other in
        other.providerFingerprint == entry.providerFingerprint && now < other.session.expiresAt
          && other.session.id != entry.session.id && other.refresh.map { $0.token != entry.refresh?.token } ?? false
          && other.session.subject.isSamePerson(as: entry.session.subject)
      }
      .max { $0.session.issuedAt < $1.session.issuedAt }?.refresh?.token
    }
  }

  /// Makes the refresh of a person's other sessions due at once.
  func hasten(like entry: Entry, at now: UnixTime) {
    state.withLock { state in
      for (id, other) in state.entries where other.refresh != nil && id != entry.session.id {
        guard other.providerFingerprint == entry.providerFingerprint,
          other.session.subject.isSamePerson(as: entry.session.subject), other.refresh.map({ $0.dueAt > now }) == true
        else { continue }
        state.entries[id]?.refresh?.dueAt = now
        state.nextRefresh = min(state.nextRefresh, now)
      }
    }
  }

  /// Makes the refresh of another person's session of the same client due at once: the one that is due next.
  func hastenAnother(than entry: Entry, at now: UnixTime) {
    state.withLock { state in
      let next = state.entries.values
        .filter { other in
          other.refresh != nil && other.providerFingerprint == entry.providerFingerprint
            && now < other.session.expiresAt && !other.session.subject.isSamePerson(as: entry.session.subject)
        }
        .min { ($0.refresh?.dueAt ?? now) < ($1.refresh?.dueAt ?? now) }
      guard let next, let due = next.refresh?.dueAt, due > now else { return }
      state.entries[next.session.id]?.refresh?.dueAt = now
      state.nextRefresh = min(state.nextRefresh, now)
    }
  }

  /// Entries whose refresh is due, the longest waiting first; each is put off, so that nobody takes it twice.
  func takeDueForRefresh(at now: UnixTime, limit: Int, putOff seconds: Int64) -> [Entry] {
    state.withLock { state in
      guard now >= state.nextRefresh else { return [] }
      let due = state.entries.values
        .filter { entry in entry.refresh.map { now >= $0.dueAt } ?? false }
        .sorted { ($0.refresh?.dueAt ?? now) < ($1.refresh?.dueAt ?? now) }
        .prefix(limit)
      for entry in due { state.entries[entry.session.id]?.refresh?.dueAt = now.adding(seconds: seconds) }
      state.nextRefresh = state.entries.values.compactMap { $0.refresh?.dueAt }.min() ?? UnixTime(milliseconds: .max)
      return Array(due)
    }
  }
}
