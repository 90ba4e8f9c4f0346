import Foundation
import Testing

@testable import TunnelEdge

@Suite struct LineFileTests {
  @Test func linesAreCollectedUntilFlushed() throws {
    let folder = try TemporaryFolder()
    let file = try LineFile(.file(folder.path("access.log")))
    file.append(Array("one\n".utf8))
    #expect(try folder.text("access.log") == "")
    file.append(Array("two\n".utf8))
    file.flush()
    #expect(try folder.text("access.log") == "one\ntwo\n")
    file.append(Array("three\n".utf8), urgent: true)
    #expect(try folder.text("access.log") == "one\ntwo\nthree\n")
  }

  @Test func aRotatedFileIsOpenedAgain() throws {
    let folder = try TemporaryFolder()
    let file = try LineFile(.file(folder.path("audit.log")))
    file.append(Array("old\n".utf8))
    try FileManager.default.moveItem(atPath: folder.path("audit.log"), toPath: folder.path("audit.log.1"))
    try file.reopen()
    file.append(Array("new\n".utf8), urgent: true)
    #expect(try folder.text("audit.log.1") == "old\n")
    #expect(try folder.text("audit.log") == "new\n")
  }

  @Test func aFileThatCannotBeOpenedSaysWhichAndWhy() {
    let failure = #expect(throws: LineFile.Failure.self) { try LineFile(.file("/nowhere/at/all.log")) }
    #expect(failure?.description == "cannot open log file /nowhere/at/all.log: No such file or directory")
  }
}
