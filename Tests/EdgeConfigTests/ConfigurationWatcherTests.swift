import EdgeConfig
import Foundation
import TestSupport
import Testing

/// A watcher over real files whose changes are awaited one by one.
private final class Watched: Sendable {
  private let directory: TemporaryDirectory
  let folder: URL
  let watcher: ConfigurationWatcher
  private let changes: AsyncStream<ConfigurationChange>
  private let iterator: Changes

  /// Only one test task takes from it.
  private final class Changes: @unchecked Sendable {
    var iterator: AsyncStream<ConfigurationChange>.Iterator
    init(_ iterator: AsyncStream<ConfigurationChange>.Iterator) { self.iterator = iterator }
  }

  /// `prepare` makes the files; `names` are watched, relative to the folder.
  init(_ names: [String] = ["config.yaml"], prepare: (URL) throws -> Void = { _ in }) throws {
    directory = try TemporaryDirectory()
    folder = URL(filePath: directory.path)
    try prepare(folder)
    let folder = folder
    let files = names.map { name in
      let path = folder.appending(path: name).path
      return WatchedFile(path: path, fingerprint: FileFingerprint(FileReader.system.read(path)))
    }
    let (stream, continuation) = AsyncStream.makeStream(of: ConfigurationChange.self)
    changes = stream
    iterator = Changes(stream.makeAsyncIterator())
    watcher = ConfigurationWatcher(files: files) { continuation.yield($0) }
    watcher.start()
  }

  deinit { watcher.stop() }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ text: String, to name: String = "config.yaml", atomically: Bool = false) throws {
    try text.write(to: folder.appending(path: name), atomically: atomically, encoding: .utf8)
  }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
  }

  /// `rename(2)`, which replaces.
  func move(_ name: String, over other: String) { #expect(rename(path(name), path(other)) == 0) }

  /// The content of the file as the next change tells it.
  func next(_ name: String = "config.yaml") async throws -> String {
    let change = try #require(await iterator.iterator.next())
    return try String(decoding: change.files.read(path(name)).get().bytes, as: UTF8.self)
  }

  func nextChange() async throws -> ConfigurationChange { try #require(await iterator.iterator.next()) }
}

@Suite(.timeLimit(.minutes(4)))
struct ConfigurationWatcherTests {
  @Test func `an atomic save is told once`() async throws {
    let watched = try Watched {
      try "one".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    for text in ["two", "three", "four"] {
      try watched.write(text, atomically: true)
      // Were one told twice, the next would come with the old text.
      #expect(try await watched.next() == text)
    }
  }

  @Test func `writing in place and sed -i are told`() async throws {
    let watched = try Watched {
      try "is: alice\n".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    try watched.write("is: bob\n")
    #expect(try await watched.next() == "is: bob\n")
    let sed = Process()
    sed.executableURL = URL(filePath: "/bin/sed")
    sed.arguments = ["-i", "-E", "s/^(is: .*)/\\1.typo/", watched.path("config.yaml")]
    try sed.run()
    sed.waitUntilExit()
    #expect(try await watched.next() == "is: bob.typo\n")
  }

  @Test func `a slow writer is waited for until it closes`() async throws {
    let watched = try Watched {
      try "old\n".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    let file = try FileHandle(forWritingTo: watched.folder.appending(path: "config.yaml"))
    try file.truncate(atOffset: 0)
    for line in 0..<4 {
      try file.write(contentsOf: Data("line \(line)\n".utf8))
      // Longer than the rest between two equal reads: the point of the test is that this pause is no end.
      try await Task.sleep(for: .milliseconds(250))
    }
    try file.close()
    #expect(try await watched.next() == "line 0\nline 1\nline 2\nline 3\n")
  }

  @Test func `the links of a Kubernetes volume may be swapped`() async throws {
    let watched = try Watched { folder in
      let manager = FileManager.default
      for version in ["..v1", "..v2"] {
        try manager.createDirectory(at: folder.appending(path: version), withIntermediateDirectories: true)
        try version.write(to: folder.appending(path: "\(version)/config.yaml"), atomically: true, encoding: .utf8)
      }
      try manager.createSymbolicLink(atPath: folder.appending(path: "..data").path, withDestinationPath: "..v1")
      try manager.createSymbolicLink(
        atPath: folder.appending(path: "config.yaml").path, withDestinationPath: "..data/config.yaml")
    }
    try watched.link("..data_tmp", to: "..v2")
    watched.move("..data_tmp", over: "..data")
    #expect(try await watched.next() == "..v2")
    try watched.write("in place", to: "..v2/config.yaml")
    #expect(try await watched.next() == "in place")
  }

  @Test func `a directory may be replaced as a whole`() async throws {
    let watched = try Watched(["conf/config.yaml"]) { folder in
      for name in ["conf", "conf.new"] {
        try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
        try name.write(to: folder.appending(path: "\(name)/config.yaml"), atomically: true, encoding: .utf8)
      }
    }
    watched.move("conf", over: "conf.old")
    watched.move("conf.new", over: "conf")
    #expect(try await watched.next("conf/config.yaml") == "conf.new")
    try watched.write("later", to: "conf/config.yaml", atomically: true)
    #expect(try await watched.next("conf/config.yaml") == "later")
  }

  @Test func `every file of the set counts, also its mode, and several at once are one change`() async throws {
    let watched = try Watched(["config.yaml", "cert.pem", "key.pem"]) { folder in
      for name in ["config.yaml", "cert.pem", "key.pem"] {
        try "1".write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o600], ofItemAtPath: folder.appending(path: name).path)
      }
    }
    try watched.write("2", to: "cert.pem")
    try watched.write("2", to: "key.pem")
    let pair = try await watched.nextChange()
    #expect(pair.paths == [watched.path("cert.pem"), watched.path("key.pem")])
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: watched.path("key.pem"))
    #expect(try await watched.nextChange().paths == [watched.path("key.pem")])
  }

  @Test func `files named by a later load are watched, too, and one that appears is noticed`() async throws {
    let watched = try Watched {
      try "1".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    let files = ["config.yaml", "missing.pem"].map { name in
      WatchedFile(path: watched.path(name), fingerprint: FileFingerprint(FileReader.system.read(watched.path(name))))
    }
    watched.watcher.watch(files)
    try watched.write("key", to: "missing.pem")
    #expect(try await watched.nextChange().paths == [watched.path("missing.pem")])
  }

  @Test func `a file that is gone for a moment is no change`() async throws {
    let watched = try Watched {
      try "1".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    let clock = ContinuousClock()
    let begun = clock.now
    watched.move("config.yaml", over: "backup")
    // Gone for longer than the rest between two equal reads.
    try await Task.sleep(for: .milliseconds(300))
    watched.move("backup", over: "config.yaml")
    let gone = clock.now - begun
    try watched.write("2")
    var change = try await watched.nextChange()
    // On a machine so slow that the moment became a second, being gone was a change of its own.
    if gone > .milliseconds(900), case .failure = change.files.read(watched.path("config.yaml")) {
      change = try await watched.nextChange()
    }
    #expect(
      try String(decoding: change.files.read(watched.path("config.yaml")).get().bytes, as: UTF8.self) == "2")
  }

  @Test func `a change back is no change, and strangers in the directory are none`() async throws {
    let watched = try Watched {
      try "1".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    let clock = ContinuousClock()
    let begun = clock.now
    try watched.write("2")
    try watched.write("1")
    let between = clock.now - begun
    for number in 0..<200 { try watched.write("x", to: "stranger-\(number)") }
    try watched.write("3", atomically: true)
    var told = try await watched.next()
    // On a machine so slow that the rest between two equal reads passed in between, both were changes.
    if between > .milliseconds(90), told == "2" { told = try await watched.next() }
    if between > .milliseconds(90), told == "1" { told = try await watched.next() }
    #expect(told == "3")
  }

  @Test func `an invalid file and the valid one after it are both told, and what was read is what is loaded`()
    async throws
  {
    let watched = try Watched {
      try base.write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    try watched.write("address: [", atomically: true)
    let invalid = try await watched.nextChange()
    let path = watched.path("config.yaml")
    #expect(EdgeConfiguration.load(path: path, files: invalid.files).configuration == nil)
    try watched.write("insecure_server: true\n" + base.replacing(/certificate.*\n/, with: ""), atomically: true)
    let valid = try await watched.nextChange()
    try watched.write("garbage", atomically: true)
    #expect(EdgeConfiguration.load(path: path, files: valid.files).configuration != nil)
  }

  @Test func `a save is told well within a second`() async throws {
    let watched = try Watched {
      try "0".write(to: $0.appending(path: "config.yaml"), atomically: true, encoding: .utf8)
    }
    var times: [Duration] = []
    for number in 1...10 {
      let start = ContinuousClock.now
      try watched.write("\(number)", atomically: true)
      #expect(try await watched.next() == "\(number)")
      times.append(.now - start)
    }
    // Not asserted, since machines differ; printed for the record.
    print("watcher latency:", times.sorted().map { "\($0 / .milliseconds(1)) ms" }.joined(separator: ", "))
  }
}
