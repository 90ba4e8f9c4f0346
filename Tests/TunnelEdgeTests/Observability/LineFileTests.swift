import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import TunnelEdge

@Suite struct LineFileTests {
  /// Longer than any machine needs.
  private let patience = 60_000

  private func append(_ text: String, to file: LineFile, _ kind: LineQueue.Kind = .access) {
    file.append(Array(text.utf8), kind)
  }

  @Test func linesAreWrittenInOrder() throws {
    let folder = try TemporaryDirectory()
    let file = try LineFile(.file(folder.file("access.log")))
    let lines = (1...5000).map { "line \($0)\n" }
    for line in lines { append(line, to: file) }
    #expect(file.flush(milliseconds: patience))
    #expect(try folder.text("access.log") == lines.joined())
  }

  @Test func aRotatedFileIsOpenedAgain() throws {
    let folder = try TemporaryDirectory()
    let file = try LineFile(.file(folder.file("audit.log")))
    append("old\n", to: file)
    try FileManager.default.moveItem(atPath: folder.file("audit.log"), toPath: folder.file("audit.log.1"))
    try file.reopen()
    append("new\n", to: file)
    #expect(file.flush(milliseconds: patience))
    #expect(try folder.text("audit.log.1") == "old\n")
    #expect(try folder.text("audit.log") == "new\n")
  }

  /// Told once when it begins, however often it is tried, and once when it is over.
  @Test func aPlaceThatTakesNothingIsTold() async throws {
    let folder = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(atPath: folder.file("access.log"), withDestinationPath: "/dev/full")
    let changes = Mutex<[LineFile.Change]>([])
    let file = try LineFile(
      .file(folder.file("access.log")), tells: { _ in [] },
      changed: { change in changes.withLock { $0.append(change) } })
    append("first\n", to: file)
    try await until("the failure") { !changes.withLock { $0.isEmpty } }
    append("second\n", to: file)
    try FileManager.default.removeItem(atPath: folder.file("access.log"))
    try file.reopen()
    #expect(file.flush(milliseconds: patience))
    #expect(try folder.text("access.log") == "first\nsecond\n")
    #expect(changes.withLock { $0 } == [.failing(ENOSPC), .writingAgain])
  }

  /// Nobody reads the pipe: nothing waits but the lines, of which only so many are kept, and the audit log's longest.
  @Test func aPipeThatNobodyReadsHoldsNobodyUp() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("pipe")
    try #require(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    try #require(reader >= 0)
    defer { close(reader) }
    let file = try LineFile(.file(path)) { Array("dropped \($0.access) and \($0.audit)\n".utf8) }
    let first = LineQueue.limit - 25
    append(String(repeating: "x", count: first - 1) + "\n", to: file)
    for _ in 0..<5 { append("123456789\n", to: file) }
    append("audited\n", to: file, .audit)
    #expect(file.dropped == LineQueue.Dropped(messages: 0, access: 3, audit: 0))
    #expect(!file.flush(milliseconds: 1))
    // Somebody begins to read.
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var told: [Substring] = []
    while told.reduce(0, { $0 + (Int($1.split(separator: " ")[1]) ?? 0) }) < 3 {
      let count = read(reader, &buffer, buffer.count)
      if count > 0 { text += buffer.prefix(count) } else { usleep(1000) }
      let rest = String(decoding: text.dropFirst(first), as: UTF8.self)
      told = rest.split(separator: "\n").filter { $0.hasPrefix("dropped ") && $0.hasSuffix(" and 0") }
    }
    // Told once or in parts: the writer may have begun while lines were still added.
    let written = String(decoding: text.dropFirst(first), as: UTF8.self).split(separator: "\n")
    #expect(written.filter { !$0.hasPrefix("dropped ") } == ["123456789", "123456789", "audited"])
    #expect(file.flush(milliseconds: patience))
  }

  /// A full disk: what it does not take goes into the file that is opened instead, whole lines.
  @Test func whatAFullDiskDoesNotTakeGoesIntoTheNextFile() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("access.log")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
    let file = try LineFile(.file(path))
    append("one\n", to: file)
    #expect(!file.flush(milliseconds: 1))
    try FileManager.default.removeItem(atPath: path)
    try file.reopen()
    append("two\n", to: file)
    #expect(file.flush(milliseconds: patience))
    #expect(try folder.text("access.log") == "one\ntwo\n")
  }

  @Test func aFileThatCannotBeOpenedSaysWhichAndWhy() {
    let failure = #expect(throws: LineFile.Failure.self) { try LineFile(.file("/nowhere/at/all.log")) }
    #expect(failure?.description == "cannot open log file /nowhere/at/all.log: No such file or directory")
  }

  @Test func aPipeWithoutAReaderIsRefused() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("pipe")
    try #require(mkfifo(path, 0o600) == 0)
    let failure = #expect(throws: LineFile.Failure.self) { try LineFile(.file(path)) }
    #expect(failure?.description.hasSuffix("a named pipe that nobody reads") == true)
  }

  /// Two writers on one pipe would write into each other's lines; a file's name may stand for another one tomorrow.
  @Test func onePipeIsKnownByAllItsNames() throws {
    let folder = try TemporaryDirectory()
    try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
    try Data().write(to: URL(fileURLWithPath: folder.file("log")))
    func isSame(_ one: String, _ other: String) -> Bool {
      LineFile.Place.file(folder.file(one)).isSameFile(as: .file(folder.file(other)))
    }
    #expect(isSame("pipe", "./pipe") && isSame("log", "log"))
    #expect(!isSame("log", "./log") && !isSame("pipe", "log") && !isSame("log", "none"))
  }

  @Test func lossesAreToldInTheFormOfTheirLog() {
    let dropped = LineQueue.Dropped(messages: 1, access: 2, audit: 3)
    let json = String(decoding: DroppedLines.text(of: dropped, form: .json), as: UTF8.self).split(separator: "\n")
    #expect(json.count == 3)
    #expect(json.first?.hasSuffix(#""message":"lines dropped: nobody read the log","count":1}"#) == true)
    #expect(json.last?.hasSuffix(#""log":"audit","event":"lines dropped","count":3}"#) == true)
    let text = String(decoding: DroppedLines.text(of: dropped, form: .text), as: UTF8.self)
    #expect(text.contains("WARN  lines dropped: nobody read the log  count=1\n"))
  }
}
