import Foundation
import Glibc
import Synchronization

/// The real ssh client, with what it prints.
final class SSHProcess: Sendable {
  private struct State {
    var output = ""
    var hasEnded = false
  }

  private let process: Process
  private let state: Mutex<State>

  static func start(arguments: [String]) throws -> SSHProcess {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["ssh", "-v"] + arguments
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    let ssh = SSHProcess(process)
    pipe.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      ssh.state.withLock { state in
        if data.isEmpty { state.hasEnded = true } else { state.output += String(decoding: data, as: UTF8.self) }
      }
      if data.isEmpty { handle.readabilityHandler = nil }
    }
    try process.run()
    return ssh
  }

  private init(_ process: Process) {
    self.process = process
    state = Mutex(State())
  }

  var output: String { state.withLock { $0.output } }
  var isRunning: Bool { process.isRunning }

  /// The URL that ssh shows; `nil` when the tunnel stands without one.
  func signInURL(within patience: Duration) async throws -> String? {
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
      let (text, ended) = state.withLock { ($0.output, $0.hasEnded) }
      if let range = text.firstRange(of: "user_code=") {
        let end = text[range.upperBound...].firstIndex { $0.isWhitespace } ?? text.endIndex
        let start =
          text[..<range.lowerBound].lastIndex { $0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        if end < text.endIndex { return String(text[start..<end]) }
      }
      if text.contains("remote forward success") { return nil }
      if ended { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw DemoWalk.Failure(description: "ssh showed no sign-in URL:\n\(output)")
  }

  func stop() {
    // Not TERM: this process ignores it (it reads its signals elsewhere), and what it starts inherits that.
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}
