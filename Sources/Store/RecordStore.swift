import Policy

/// What survives a restart: small records, each with a kind, an id, a version and perhaps an expiry.
///
/// Every implementation behaves the same; `RecordStoreSuite` in the tests is the proof. An expired record is as good as
/// absent from the moment it expires, whether or not it has been swept yet.
package protocol RecordStore: Sendable {
  /// The record, or nil when there is none or it has expired.
  func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord?

  /// Writes a record if the condition holds; returns its new version, or nil when the condition did not hold.
  @discardableResult
  func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64?

  /// Removes a record; one that is not there is no error.
  func delete(_ kind: RecordKind, _ id: String) async throws(StoreError)

  /// Removes records together; where that fails some may have gone.
  func delete(_ kind: RecordKind, _ ids: [String]) async throws(StoreError)

  /// Every live record of a kind, ordered by id.
  func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord]

  /// Frees what has expired; returns how many records that were.
  @discardableResult
  func removeExpired() async throws(StoreError) -> Int

  /// What is written and deleted from now on, also by other users of the same store; of those it is known after `poll`.
  func changes() async -> AsyncStream<RecordChange>

  /// Looks whether the store can be used, and what other processes have changed in it. Called about once a second.
  /// - Parameter writes: whether it must prove that it can be written, too.
  func poll(writes: Bool) async throws(StoreError)

  /// Whether it can be relied on now; asked for every sign-in.
  var health: StoreHealth { get }

  /// Ends the use of the store; every later call fails.
  func close() async
}

extension RecordStore {
  /// Whether it can be relied on now.
  package var health: StoreHealth { StoreHealth() }

  package func delete(_ kind: RecordKind, _ ids: [String]) async throws(StoreError) {
    for id in ids { try await delete(kind, id) }
  }

  package func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?
  ) async throws(StoreError) {
    _ = try await put(kind, id, value, expiresAt: expiresAt, if: .always)
  }
}

/// The table a record belongs to.
package struct RecordKind: Sendable, Hashable {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
}

package struct StoredRecord: Sendable, Hashable {
  package var kind: RecordKind
  package var id: String
  package var value: [UInt8]
  package var expiresAt: UnixTime?
  /// Grows with every write to the store; never used twice.
  package var version: UInt64

  package init(kind: RecordKind, id: String, value: [UInt8], expiresAt: UnixTime?, version: UInt64) {
    self.kind = kind
    self.id = id
    self.value = value
    self.expiresAt = expiresAt
    self.version = version
  }

  package func isLive(at now: UnixTime) -> Bool {
    guard let expiresAt else { return true }
    return now < expiresAt
  }
}

/// When a put may happen.
package enum PutCondition: Sendable, Hashable {
  case always
  /// Only when there is no live record yet.
  case absent
  /// Only when the live record still has this version.
  case version(UInt64)

  func holds(for current: StoredRecord?) -> Bool {
    switch self {
    case .always: true
    case .absent: current == nil
    case .version(let version): current?.version == version
    }
  }
}

package struct RecordChange: Sendable, Hashable {
  package enum Action: Sendable, Hashable { case written, deleted }
  package var kind: RecordKind
  package var id: String
  package var action: Action
  /// Another process did it.
  package var isForeign: Bool

  package init(kind: RecordKind, id: String, action: Action, isForeign: Bool = false) {
    self.kind = kind
    self.id = id
    self.action = action
    self.isForeign = isForeign
  }
}
