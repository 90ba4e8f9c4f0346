import Foundation
import Synchronization

/// One run of the stock `ssh`.
final class SSHClient: Sendable {
  /// `Process` is used by the starting test and by `terminationHandler` only.
  private struct Handle: @unchecked Sendable { let process: Process }

  private let handle: Handle
  private let input: FileHandle
  let output = EventLog<String>()
  let errors = EventLog<String>()
  private let exits = EventLog<Int32>()

  init(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/ssh")
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TERM": "xterm"]
    let standardInput = Pipe()
    let standardOutput = Pipe()
    let standardError = Pipe()
    process.standardInput = standardInput
    process.standardOutput = standardOutput
    process.standardError = standardError
    input = standardInput.fileHandleForWriting
    handle = Handle(process: process)
    let exits = exits
    process.terminationHandler = { exits.append($0.terminationStatus) }
    Self.collect(standardOutput, into: output)
    Self.collect(standardError, into: errors)
    try process.run()
  }

  private static func collect(_ pipe: Pipe, into log: EventLog<String>) {
    let partial = Mutex("")
    pipe.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty {
        handle.readabilityHandler = nil
        let rest = partial.withLock { $0 }
        if !rest.isEmpty { log.append(rest) }
        log.append("\u{4}")
        return
      }
      let lines = partial.withLock { partial -> [String] in
        partial += String(decoding: data, as: UTF8.self)
        var lines = partial.components(separatedBy: "\n")
        partial = lines.removeLast()
        return lines
      }
      for line in lines { log.append(line.trimmingCharacters(in: .init(charactersIn: "\r"))) }
    }
  }

  var isRunning: Bool { handle.process.isRunning }

  func send(_ text: String) { try? input.write(contentsOf: Data(text.utf8)) }
  func closeInput() { try? input.close() }

  /// Asks it to end, as Ctrl-C does.
  func interrupt() { handle.process.interrupt() }
  /// It is there and does nothing.
  func suspend() { handle.process.suspend() }
  /// It is gone without a word.
  func kill() { Foundation.kill(handle.process.processIdentifier, SIGKILL) }

  func exit(within seconds: Double = 20) async throws -> Int32 { try await exits.first(within: seconds) { _ in true } }

  /// What it wrote, once it has ended.
  func finished() async throws -> (status: Int32, output: [String], errors: [String]) {
    let status = try await exit()
    try await output.first { $0 == "\u{4}" }
    try await errors.first { $0 == "\u{4}" }
    return (status, output.values.dropLast(), errors.values.dropLast())
  }
}
