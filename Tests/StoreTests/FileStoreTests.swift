import Glibc
import Policy
import TestSupport
import Testing

@testable import Store

@Suite struct FileStoreTests {
  let clock = TestClock()
  let directory: TemporaryDirectory
  let kind = RecordKind("thing")

  init() throws { directory = try TemporaryDirectory() }

  var path: String { directory.path + "/records" }
  var file: String { path + "/records.sqlite" }

  func open() async throws -> FileStore { try await FileStore(directory: path, clock: clock.source, logger: quiet) }

  func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  func write(_ bytes: [UInt8]) {
    _ = mkdir(path, 0o700)
    let descriptor = Glibc.open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
  }

  @Test func survivesARestart() async throws {
    var store = try await open()
    try await store.put(kind, "a", [1, 2], expiresAt: clock.now.adding(seconds: 100))
    let version = try #require(try await store.record(kind, "a")?.version)
    await store.close()
    store = try await open()
    #expect(try await store.record(kind, "a")?.value == [1, 2])
    let next = try #require(try await store.put(kind, "b", [], expiresAt: nil, if: .absent))
    #expect(next > version)
    await store.close()
  }

  /// What is written over and over does not make the files grow.
  @Test func itsFilesStaySmall() async throws {
    let store = try await open()
    let value = [UInt8](repeating: 7, count: 512 << 10)
    for _ in 0..<40 { try await store.put(kind, "a", value, expiresAt: nil) }
    for name in [file, file + "-wal"] {
      var status = stat()
      #expect(stat(name, &status) == 0 && status.st_size < 8 << 20)
    }
    await store.close()
  }

  @Test func isReadableByItsOwnerOnly() async throws {
    let store = try await open()
    try await store.put(kind, "a", [1], expiresAt: nil)
    #expect(mode(path) == 0o700)
    #expect(mode(file) == 0o600)
    #expect(mode(file + "-wal") == 0o600)
    await store.close()
  }

  @Test func tightensAFileThatOthersCouldRead() async throws {
    await (try open()).close()
    #expect(chmod(file, 0o644) == 0)
    await (try open()).close()
    #expect(mode(file) == 0o600)
  }

  @Test func namesACorruptFileAndWhatToDo() async throws {
    write(Array("this is no database, but it is long enough to be looked at as one".utf8))
    let error = await #expect(throws: StoreError.self) { try await open() }
    #expect(error?.kind == .corrupt)
    #expect(error?.description.contains(file) == true)
    #expect(error?.description.contains("move it away") == true)
  }

  @Test func noticesADamagedPage() async throws {
    let store = try await open()
    for number in 0..<200 {
      try await store.put(kind, "\(number)", [UInt8](repeating: 7, count: 500), expiresAt: nil)
    }
    await store.close()
    let descriptor = Glibc.open(file, O_WRONLY)
    let junk = [UInt8](repeating: 0xa5, count: 8192)
    #expect(pwrite(descriptor, junk, junk.count, 8192) == junk.count)
    close(descriptor)
    let error = await #expect(throws: StoreError.self) { try await open() }
    #expect(error?.kind == .corrupt)
  }

  @Test func refusesASecondUser() async throws {
    let store = try await open()
    let error = await #expect(throws: StoreError.self) { try await open() }
    #expect(error?.kind == .inUse)
    await store.close()
    await (try open()).close()
  }

  /// What another program does to the file, as sqlite3 would.
  func elsewhere(_ sql: String) throws {
    let other = try SQLiteConnection(path: file)
    try other.execute(sql)
    other.close()
  }

  @Test func noticesWhatOthersChange() async throws {
    let store = try await open()
    for id in ["gone", "changed", "same"] { try await store.put(kind, id, [1], expiresAt: nil) }
    var changes = await store.changes().makeAsyncIterator()
    try elsewhere(
      """
      DELETE FROM records WHERE id = 'gone';
      UPDATE records SET value = x'02', version = version + 100 WHERE id = 'changed';
      """)
    try await store.poll(writes: false)
    let told = [await changes.next(), await changes.next()]
    #expect(told.contains(RecordChange(kind: kind, id: "gone", action: .deleted, isForeign: true)))
    #expect(told.contains(RecordChange(kind: kind, id: "changed", action: .written, isForeign: true)))
    // Its own changes are told as its own, once.
    try await store.put(kind, "own", [3], expiresAt: nil)
    try await store.poll(writes: true)
    try await store.poll(writes: false)
    try await store.delete(kind, "own")
    #expect(await changes.next() == RecordChange(kind: kind, id: "own", action: .written))
    #expect(await changes.next() == RecordChange(kind: kind, id: "own", action: .deleted))
    await store.close()
  }

  /// A session is refreshed, or a key used, in the second after it was deleted.
  @Test func missesNoDeletionOfWhatItWritesAgain() async throws {
    let store = try await open()
    try await store.put(kind, "a", [1], expiresAt: nil)
    var changes = await store.changes().makeAsyncIterator()
    try elsewhere("DELETE FROM records WHERE id = 'a'")
    try await store.put(kind, "a", [2], expiresAt: nil)
    try await store.poll(writes: false)
    #expect(await changes.next() == RecordChange(kind: kind, id: "a", action: .deleted, isForeign: true))
    #expect(await changes.next() == RecordChange(kind: kind, id: "a", action: .written))
    await store.close()
  }

  /// In an emergency everything is deleted at once: nothing of it may be missed.
  @Test func missesNothingOfWhatOthersDelete() async throws {
    let store = try await open()
    let count = 6000
    try elsewhere(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
      INSERT INTO records SELECT 'thing', 'r' || i, x'01', NULL, i FROM n;
      """)
    try await store.poll(writes: false)
    let changes = await store.changes()
    try elsewhere("DELETE FROM records")
    try await store.poll(writes: false)
    await store.close()
    var gone: Set<String> = []
    for await change in changes where change.action == .deleted && change.isForeign { gone.insert(change.id) }
    #expect(gone.count == count)
  }

  @Test func isLockedByAnotherAndFreeAgain() async throws {
    let store = try await open()
    let other = try SQLiteConnection(path: file)
    try other.execute("BEGIN IMMEDIATE")
    let error = await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    #expect(error?.kind == .inUse)
    await #expect(throws: StoreError.self) { try await store.poll(writes: true) }
    // Reading goes on.
    try await store.poll(writes: false)
    #expect(try await store.record(kind, "a") == nil)
    try other.execute("ROLLBACK")
    try await store.poll(writes: true)
    try await store.put(kind, "a", [1], expiresAt: nil)
    other.close()
    await store.close()
  }

  @Test func aFileThatWasRemovedIsMadeAnewAndWhatWasInItIsTold() async throws {
    let store = try await open()
    try await store.put(kind, "a", [1], expiresAt: nil)
    var changes = await store.changes().makeAsyncIterator()
    #expect(unlink(file) == 0)
    try await store.poll(writes: false)
    #expect(await changes.next() == RecordChange(kind: kind, id: "a", action: .deleted))
    #expect(try await store.record(kind, "a") == nil)
    try await store.put(kind, "a", [2], expiresAt: nil)
    await store.close()
    #expect(try await open().record(kind, "a")?.value == [2])
    #expect(mode(file) == 0o600)
  }

  /// Another store in its place counts: what it lacks has ended.
  @Test func aFileThatWasReplacedIsFollowed() async throws {
    let store = try await open()
    try await store.put(kind, "kept", [1], expiresAt: nil)
    try elsewhere("VACUUM INTO '\(file).copy'")
    try await store.put(kind, "later", [2], expiresAt: nil)
    var changes = await store.changes().makeAsyncIterator()
    #expect(rename(file + ".copy", file) == 0)
    try await store.poll(writes: false)
    #expect(await changes.next() == RecordChange(kind: kind, id: "later", action: .deleted, isForeign: true))
    #expect(try await store.record(kind, "kept")?.value == [1])
    await store.close()
  }

  @Test func aReplacementThatIsNoStoreFailsUntilItIsOneAgain() async throws {
    let store = try await open()
    try await store.put(kind, "a", [1], expiresAt: nil)
    #expect(unlink(file) == 0)
    write(Array("this is no database, but it is long enough to be looked at as one".utf8))
    for _ in 0..<2 { await #expect(throws: StoreError.self) { try await store.poll(writes: false) } }
    await #expect(throws: StoreError.self) { try await store.put(kind, "b", [1], expiresAt: nil) }
    #expect(unlink(file) == 0)
    try await store.poll(writes: true)
    try await store.put(kind, "a", [1], expiresAt: nil)
    await store.close()
  }

  @Test func refusesAFileWhereTheDirectoryShouldBe() async throws {
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT, 0o644)
    close(descriptor)
    let error = await #expect(throws: StoreError.self) { try await open() }
    #expect(error?.kind == .inaccessible)
    #expect(error?.description.contains(path) == true)
  }
}
