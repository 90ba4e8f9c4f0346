import Glibc
import Logging
import Policy
import Store
import Synchronization
import TestSupport
import Testing

/// Every kind of store, proved by the same tests.
enum StoreKind: CaseIterable { case memory, file }

@Suite struct RecordStoreSuite {
  let clock = TestClock()
  let directory: TemporaryDirectory
  let kind = RecordKind("thing")

  init() throws { directory = try TemporaryDirectory() }

  func open(_ kind: StoreKind) async throws -> any RecordStore {
    switch kind {
    case .memory: MemoryStore(clock: clock.source)
    case .file: try await FileStore(directory: directory.path + "/a/b", clock: clock.source, logger: quiet)
    }
  }

  @Test(arguments: StoreKind.allCases) func givesBackWhatWasPut(_ store: StoreKind) async throws {
    let store = try await open(store)
    let value: [UInt8] = [0, 1, 255, 0]
    try await store.put(kind, "a", value, expiresAt: clock.now.adding(seconds: 5))
    let record = try #require(try await store.record(kind, "a"))
    #expect(record.value == value)
    #expect(record.expiresAt == clock.now.adding(seconds: 5))
    #expect(try await store.record(kind, "b") == nil)
    #expect(try await store.record(RecordKind("other"), "a") == nil)
    try await store.put(kind, "empty", [], expiresAt: nil)
    #expect(try await store.record(kind, "empty")?.value == [])
  }

  @Test(arguments: StoreKind.allCases) func listsAKindInOrder(_ store: StoreKind) async throws {
    let store = try await open(store)
    for id in ["c", "a", "b"] { try await store.put(kind, id, Array(id.utf8), expiresAt: nil) }
    try await store.put(RecordKind("other"), "d", [], expiresAt: nil)
    #expect(try await store.records(kind).map(\.id) == ["a", "b", "c"])
  }

  @Test(arguments: StoreKind.allCases) func forgetsWhatExpires(_ store: StoreKind) async throws {
    let store = try await open(store)
    try await store.put(kind, "short", [1], expiresAt: clock.now.adding(seconds: 5))
    try await store.put(kind, "long", [2], expiresAt: clock.now.adding(seconds: 50))
    clock.advance(seconds: 5)
    #expect(try await store.record(kind, "short") == nil)
    #expect(try await store.records(kind).map(\.id) == ["long"])
    #expect(try await store.removeExpired() == 1)
    #expect(try await store.removeExpired() == 0)
  }

  @Test(arguments: StoreKind.allCases) func deletesManyTogether(_ store: StoreKind) async throws {
    let store = try await open(store)
    let ids = (0..<600).map { "id-\($0)" }
    // Few are there: a file waits for the disk with each that is written.
    for id in ["id-0", "id-255", "id-256", "id-599", "kept"] { try await store.put(kind, id, [1], expiresAt: nil) }
    try await store.put(RecordKind("other"), "id-0", [1], expiresAt: nil)
    var changes = await store.changes().makeAsyncIterator()
    try await store.delete(kind, ids)
    #expect(try await store.records(kind).map(\.id) == ["kept"])
    #expect(try await store.record(RecordKind("other"), "id-0") != nil)
    for id in ["id-0", "id-255", "id-256", "id-599"] {
      #expect(await changes.next() == RecordChange(kind: kind, id: id, action: .deleted))
    }
    try await store.delete(kind, [])
    await store.close()
    await #expect(throws: StoreError.self) { try await store.delete(kind, ["kept"]) }
  }

  @Test(arguments: StoreKind.allCases) func putsOnCondition(_ store: StoreKind) async throws {
    let store = try await open(store)
    let first = try #require(try await store.put(kind, "a", [1], expiresAt: nil, if: .absent))
    #expect(try await store.put(kind, "a", [2], expiresAt: nil, if: .absent) == nil)
    let second = try #require(try await store.put(kind, "a", [3], expiresAt: nil, if: .version(first)))
    #expect(second > first)
    #expect(try await store.put(kind, "a", [4], expiresAt: nil, if: .version(first)) == nil)
    #expect(try await store.record(kind, "a")?.value == [3])
    try await store.delete(kind, "a")
    #expect(try await store.put(kind, "a", [5], expiresAt: nil, if: .version(second)) == nil)
    let third = try #require(try await store.put(kind, "a", [6], expiresAt: nil, if: .absent))
    #expect(third > second)
  }

  @Test(arguments: StoreKind.allCases) func anExpiredRecordCountsAsAbsent(_ store: StoreKind) async throws {
    let store = try await open(store)
    try await store.put(kind, "a", [1], expiresAt: clock.now.adding(seconds: 1))
    clock.advance(seconds: 1)
    #expect(try await store.put(kind, "a", [2], expiresAt: nil, if: .absent) != nil)
    #expect(try await store.record(kind, "a")?.value == [2])
  }

  @Test(arguments: StoreKind.allCases) func deletesAndDoesNotMindWhatIsNotThere(_ store: StoreKind) async throws {
    let store = try await open(store)
    try await store.put(kind, "a", [1], expiresAt: nil)
    try await store.delete(kind, "a")
    try await store.delete(kind, "a")
    #expect(try await store.record(kind, "a") == nil)
  }

  @Test(arguments: StoreKind.allCases) func tellsWatchersWhatChanged(_ store: StoreKind) async throws {
    let store = try await open(store)
    var changes = await store.changes().makeAsyncIterator()
    try await store.put(kind, "a", [1], expiresAt: nil)
    try await store.delete(kind, "nothing")
    try await store.delete(kind, "a")
    #expect(await changes.next() == RecordChange(kind: kind, id: "a", action: .written))
    #expect(await changes.next() == RecordChange(kind: kind, id: "a", action: .deleted))
    await store.close()
    #expect(await changes.next() == nil)
  }

  @Test(arguments: StoreKind.allCases) func refusesAfterClose(_ store: StoreKind) async throws {
    let store = try await open(store)
    await store.close()
    let error = await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    #expect(error?.kind == .closed)
    await #expect(throws: StoreError.self) { try await store.records(kind) }
  }

  @Test(arguments: StoreKind.allCases) func oneOfManyWritersWins(_ store: StoreKind) async throws {
    let store = try await open(store)
    let kind = kind
    let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<20 {
        group.addTask { try await store.put(kind, "a", [UInt8(number)], expiresAt: nil, if: .absent) != nil }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(winners == 1)
  }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
