import Foundation
import Synchronization
import TestSupport

/// One run of the stock `ssh`.
final class SSHClient: Sendable {
  let output: EventLog<String>
  let errors: EventLog<String>
  private let child: ChildProcess

  init(_ arguments: [String], environment: [String] = []) throws {
    child = try ChildProcess("/usr/bin/ssh", arguments, environment: environment)
    output = child.output
    errors = child.errors
  }

  var isRunning: Bool { child.status.values.isEmpty }

  func send(_ text: String) { child.send(text) }

  /// Asks it to end, as Ctrl-C does.
  func end() { child.signal(SIGINT) }
  /// It is there and does nothing.
  func suspend() { child.signal(SIGSTOP) }
  /// It is gone without a word.
  func kill() { child.signal(SIGKILL) }

  func exit(within seconds: Double = 60) async throws -> Int32 {
    do {
      return try await child.status.first(within: seconds) { _ in true }
    } catch {
      throw TimedOut("ssh still runs; it said:\n\(errors.values.suffix(20).joined(separator: "\n"))")
    }
  }

  /// What it wrote, once it has ended.
  func finished() async throws -> (status: Int32, output: [String], errors: [String]) {
    let status = try await exit()
    try await output.first { $0 == ChildProcess.endOfOutput }
    try await errors.first { $0 == ChildProcess.endOfOutput }
    return (status, output.values.dropLast(), errors.values.dropLast())
  }
}

/// A program with its output in lines. Foundation's `Process` waits for its children on one thread and lets them
/// inherit each other's descriptors; with several at once it stands still.
final class ChildProcess: Sendable {
  static let endOfOutput = "\u{4}"

  let output = EventLog<String>()
  let errors = EventLog<String>()
  let status = EventLog<Int32>()
  private let pid: pid_t
  private let input: Int32

  struct SpawnFailed: Error { let code: Int32 }

  /// What a test sets comes first, and so wins.
  private static let environment = ["PATH=/usr/bin:/bin", "HOME=/nonexistent", "TERM=xterm"]
  /// From making pipes to closing their far ends: no other child may be started in between and inherit them.
  private static let spawning = Mutex(())

  init(_ program: String, _ arguments: [String], environment: [String] = []) throws {
    let (pid, input, output, errors) = try Self.spawning.withLock { _ in
      try Self.spawn(program, arguments, environment)
    }
    self.pid = pid
    self.input = input
    Self.collect(output, into: self.output)
    Self.collect(errors, into: self.errors)
    let status = status
    Thread.detachNewThread {
      var raw: Int32 = 0
      while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
      status.append(raw & 0x7F == 0 ? (raw >> 8) & 0xFF : -(raw & 0x7F))
    }
  }

  private static func spawn(_ program: String, _ arguments: [String], _ environment: [String]) throws -> (
    pid: pid_t, input: Int32, output: Int32, errors: Int32
  ) {
    let standardInput = try Self.pipe()
    let standardOutput = try Self.pipe()
    let standardError = try Self.pipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, standardInput.read, 0)
    posix_spawn_file_actions_adddup2(&actions, standardOutput.write, 1)
    posix_spawn_file_actions_adddup2(&actions, standardError.write, 2)
    // Threads of the runtime block signals, and what a background shell ignores is inherited: the child begins afresh.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    argv.append(nil)
    var variables: [UnsafeMutablePointer<CChar>?] = (environment + Self.environment).map { strdup($0) }
    variables.append(nil)
    defer { for text in argv + variables { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, &attributes, &argv, &variables)
    guard code == 0 else { throw SpawnFailed(code: code) }
    close(standardInput.read)
    close(standardOutput.write)
    close(standardError.write)
    return (pid, standardInput.write, standardOutput.read, standardError.read)
  }

  func send(_ text: String) { _ = text.withCString { write(input, $0, strlen($0)) } }

  func signal(_ number: Int32) {
    if status.values.isEmpty { Glibc.kill(pid, number) }
  }

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { throw SpawnFailed(code: errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func collect(_ descriptor: Int32, into log: EventLog<String>) {
    Thread.detachNewThread {
      var partial: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        partial += buffer[..<count]
        while let end = partial.firstIndex(of: 0x0A) {
          let line = partial[..<end]
          log.append(String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self))
          partial.removeFirst(end + 1)
        }
      }
      close(descriptor)
      if !partial.isEmpty { log.append(String(decoding: partial, as: UTF8.self)) }
      log.append(endOfOutput)
    }
  }
}
