import NIOCore
import Routing
import SSHProtocol

/// One session channel of a publisher: a screen or lines for a shell, one answer for a command. Lives on the connection's
/// loop.
final class SessionChannel {
  private enum Mode {
    /// Nothing was asked for yet.
    case idle
    case shell(any SessionFace)
    case finished
  }

  let id: ChannelID
  private unowned let connection: ConnectionHandler
  private var terminal: PTYRequest?
  private var environment = SessionEnvironment()
  private var mode = Mode.idle
  private var timer: Scheduled<Void>?
  /// The person signed out here: the connection waits until the answer is read.
  private(set) var hasSignedOut = false

  init(id: ChannelID, connection: ConnectionHandler) {
    self.id = id
    self.connection = connection
  }

  private var face: (any SessionFace)? {
    if case .shell(let face) = mode { face } else { nil }
  }

  private var isIdle: Bool {
    if case .idle = mode { true } else { false }
  }

  var isShell: Bool { face != nil }

  // MARK: Requests

  /// The answer to a request; `false` is CHANNEL_FAILURE.
  func request(_ request: ChannelRequest) -> Bool {
    switch request {
    case .pty(let pty):
      guard isIdle, terminal == nil else { return false }
      terminal = pty
      return true
    case .windowChange(let size):
      terminal?.size = size
      face?.resize(size)
      return true
    case .environment(let name, let value): return environment.set(name, value)
    case .shell, .exec: return isIdle
    case .signal(let name):
      guard let status = Self.statusOfSignal[name] else { return false }
      finish(status: status)
      return true
    case .subsystem, .exitStatus, .exitSignal, .endOfWrite, .other: return false
    }
  }

  /// As a shell tells of a command that a signal ended.
  private static let statusOfSignal: [String: UInt32] = ["HUP": 129, "INT": 130, "QUIT": 131, "KILL": 137, "TERM": 143]

  /// What follows a granted request, after its reply is queued.
  func start(_ request: ChannelRequest) {
    guard isIdle, let facts = connection.facts else { return }
    switch request {
    case .shell: facts.bound.isEmpty ? help(facts) : show()
    case .exec(let text): run(ShellCommand(text), facts)
    case .pty, .windowChange, .environment, .signal, .subsystem, .exitStatus, .exitSignal, .endOfWrite, .other: break
    }
  }

  /// A shell beside tunnels.
  private func show() {
    let kind = terminal.map { TerminalKind(name: $0.terminal, modes: $0.modes, environment: environment.values) }
    connection.beginActivity()
    let face: any SessionFace =
      if let terminal, let kind, kind.hasScreen {
        ScreenFace(of: self, terminal: kind, size: terminal.size)
      } else {
        LineFace(of: self, connection: connection, hasTerminal: terminal != nil)
      }
    mode = .shell(face)
    face.start()
    for other in connection.sessions.values where other !== self { other.face?.changed() }
  }

  /// A shell beside nothing: there is nothing to look at, so it says what could be and ends.
  private func help(_ facts: SessionFacts) {
    if facts.refusals.isEmpty {
      print(ShellCommand.welcome(facts))
      finish(status: 0)
    } else {
      printRefusals(facts)
      finish(status: 1)
    }
  }

  private func printRefusals(_ facts: SessionFacts) {
    print(facts.refusals.map { "Could not publish \($0)." }, isError: true)
  }

  private func run(_ command: ShellCommand, _ facts: SessionFacts) {
    let result = command.run(facts)
    printRefusals(facts)
    print(result.output)
    print(result.errors, isError: true)
    finish(status: result.status)
    if result.endsSession {
      hasSignedOut = true
      connection.logOut()
    }
  }

  // MARK: What the client sends

  func didReceive(_ bytes: ByteBuffer) { face?.receive(bytes) }

  /// `ssh -n -R …` sends EOF at once and means nothing by it: the session stays as long as something is published.
  func didFinish() {
    if connection.forwards.isEmpty { finish(status: 0) }
  }

  // MARK: What happens meanwhile

  func bindingChanged(_ bound: Forward.Bound) { face?.bindingChanged(bound) }
  func forwardRefused(_ what: String) { face?.refused(what) }
  func announce(_ text: String) { face?.announce(text) }
  func changed() { face?.changed() }
  func repaint() { face?.repaint() }

  func timerFired() {
    timer = nil
    face?.timerFired()
  }

  /// The connection ends for this reason: a terminal is given back first. False when there is none.
  func endScreen(_ text: String) -> Bool {
    guard let face else { return false }
    let bytes = face.farewell(text)
    guard bytes.readableBytes > 0 else { return false }
    end(lastWords: bytes, status: Self.statusOfLoss)
    return true
  }

  /// As ssh itself answers for a lost connection.
  private static let statusOfLoss: UInt32 = 255

  /// The channel is gone.
  func didClose() {
    mode = .finished
    setTimer(in: nil)
  }

  func finish(status: UInt32) {
    if case .finished = mode { return }
    end(lastWords: face?.farewell(nil) ?? ByteBuffer(), status: status)
  }

  private func end(lastWords: ByteBuffer, status: UInt32) {
    if lastWords.readableBytes > 0 { write(lastWords) }
    mode = .finished
    setTimer(in: nil)
    connection.finishWriting(id)
    connection.connection.sendChannelRequest(.exitStatus(status), on: id)
    connection.closeChannel(id, .afterQueued)
    connection.setNeedsFlush()
  }

}

@available(*, unavailable)
extension SessionChannel: Sendable {}

// MARK: - For its face

extension SessionChannel {
  /// Everything written before has left.
  var isDrained: Bool { connection.connection.queuedBytes(id) == 0 }

  func model(_ notices: [String]) -> ScreenModel? {
    connection.activity?.model(otherSessions: connection.sessions.count - 1, notices: notices)
  }

  var screensOfConnection: Int { connection.sessions.values.count(where: \.isShell) }

  func write(_ bytes: ByteBuffer) {
    connection.write(bytes, to: id)
    connection.setNeedsFlush()
  }

  /// Lines that the client has no room for are lost: nothing waits for it.
  func print(_ lines: [String], isError: Bool = false) {
    guard !lines.isEmpty, connection.isChannelWritable(id) else { return }
    // There is no terminal driver between us and a terminal.
    let end = terminal == nil ? "\n" : "\r\n"
    let text = ByteBuffer(string: lines.map { $0 + end }.joined())
    if isError, terminal == nil {
      connection.connection.writeExtended(text, to: id)
    } else {
      connection.write(text, to: id)
    }
    connection.setNeedsFlush()
  }

  /// One timer; `nil` is none.
  func setTimer(in milliseconds: UInt64?) {
    timer?.cancel()
    timer = nil
    guard let milliseconds else { return }
    let (handle, id) = (connection.handle, id)
    timer = connection.eventLoop.scheduleTask(in: .milliseconds(Int64(clamping: milliseconds))) {
      handle.perform { $0.sessions[id]?.timerFired() }
    }
  }
}
