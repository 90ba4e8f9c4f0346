import NIOCore
import Routing
import SSHProtocol

/// One session channel of a publisher: a notice for a shell, one answer for a command. Lives on the connection's loop.
final class SessionChannel {
  enum Mode {
    /// Nothing was asked for yet.
    case idle
    case shell
    case finished
  }

  let id: ChannelID
  private unowned let connection: ConnectionHandler
  private(set) var hasTerminal = false
  private var mode = Mode.idle
  /// The person signed out here: the connection waits until the answer is read.
  private(set) var hasSignedOut = false

  /// Keys that end a shell: Ctrl-C, Ctrl-D, q.
  private static let quitKeys: Set<UInt8> = [0x03, 0x04, 0x71]
  private static let permittedVariables: Set<String> = ["LANG", "COLORTERM", "NO_COLOR", "TERM"]

  init(id: ChannelID, connection: ConnectionHandler) {
    self.id = id
    self.connection = connection
  }

  /// The answer to a request; `false` is CHANNEL_FAILURE.
  func request(_ request: ChannelRequest) -> Bool {
    switch request {
    case .pty:
      guard mode == .idle, !hasTerminal else { return false }
      hasTerminal = true
      return true
    case .windowChange: return true
    case .environment(let name, _): return Self.permittedVariables.contains(name) || name.hasPrefix("LC_")
    case .shell, .exec: return mode == .idle
    case .signal:
      finish(status: 0)
      return true
    case .subsystem, .exitStatus, .exitSignal, .endOfWrite, .other: return false
    }
  }

  /// What follows a granted request, after its reply is queued.
  func start(_ request: ChannelRequest) {
    switch request {
    case .shell:
      mode = .shell
      guard let facts = connection.facts else { return }
      print(ShellNotice.lines(facts, refusals: connection.refusals, hasTerminal: hasTerminal))
    case .exec(let text):
      mode = .shell
      run(ShellCommand(text))
    case .pty, .windowChange, .environment, .signal, .subsystem, .exitStatus, .exitSignal, .endOfWrite, .other: break
    }
  }

  private func run(_ command: ShellCommand) {
    guard let facts = connection.facts else { return }
    let result = command.run(facts)
    print(result.output)
    print(result.errors, isError: true)
    finish(status: result.status)
    if result.endsSession {
      hasSignedOut = true
      connection.logOut()
    }
  }

  // MARK: What the client sends

  func didReceive(_ bytes: ByteBuffer) {
    guard mode == .shell, hasTerminal else { return }
    if bytes.readableBytesView.contains(where: Self.quitKeys.contains) { finish(status: 0) }
  }

  /// `ssh -n -R …` sends EOF at once and means nothing by it: the session stays as long as something is published.
  func didFinish() {
    guard mode != .finished, hasTerminal || connection.forwards.isEmpty else { return }
    finish(status: 0)
  }

  // MARK: What happens meanwhile

  func bindingChanged(_ bound: Forward.Bound) {
    guard mode == .shell else { return }
    print([ShellNotice.line(bound)])
  }

  func forwardRefused(_ what: String) {
    guard mode == .shell else { return }
    print(["Could not publish \(what)."], isError: true)
  }

  func announce(_ text: String) {
    guard mode == .shell else { return }
    print([text], isError: true)
  }

  private func print(_ lines: [String], isError: Bool = false) {
    guard !lines.isEmpty, connection.isChannelWritable(id) else { return }
    // There is no terminal driver between us and a terminal.
    let end = hasTerminal ? "\r\n" : "\n"
    let text = ByteBuffer(string: lines.map { $0 + end }.joined())
    if isError, !hasTerminal {
      connection.connection.writeExtended(text, to: id)
    } else {
      connection.write(text, to: id)
    }
    connection.setNeedsFlush()
  }

  private func finish(status: UInt32) {
    guard mode != .finished else { return }
    mode = .finished
    connection.finishWriting(id)
    connection.connection.sendChannelRequest(.exitStatus(status), on: id)
    connection.closeChannel(id, .afterQueued)
    connection.setNeedsFlush()
  }
}

@available(*, unavailable)
extension SessionChannel: Sendable {}
