import NIOCore
import Policy
import Routing
import SSHProtocol

/// A shell without a screen: what is published, then a line for each thing that happens. What the client does not fetch is
/// not kept for it.
final class LineFace: SessionFace {
  /// How often requests are told, in milliseconds, and how many of them at once.
  private static let interval: UInt64 = 200
  private static let linesAtOnce = 10

  private unowned let session: SessionChannel
  private unowned let connection: ConnectionHandler
  private let hasTerminal: Bool
  private var decoder = KeyDecoder()
  /// Requests that ended before were told, or nobody looked.
  private var toldCount: UInt64 = 0
  private var isTold = true

  init(of session: SessionChannel, connection: ConnectionHandler, hasTerminal: Bool) {
    self.session = session
    self.connection = connection
    self.hasTerminal = hasTerminal
    toldCount = connection.activity?.traffic.endedCount ?? 0
  }

  func start() {
    guard let facts = connection.facts else { return }
    session.print(ShellNotice.lines(facts))
    session.print(
      facts.refusals.map { "Could not publish \($0)." }
        + (hasTerminal ? ClientHint.lines(for: connection.clientVersion) : []),
      isError: true)
  }

  /// Only keys that end it; without a terminal nothing that comes means anything.
  func receive(_ bytes: ByteBuffer) {
    guard hasTerminal else { return }
    let keys = decoder.receive(bytes.readableBytesView, now: 0)
    if keys.contains(where: { $0 == .control("C") || $0 == .control("D") || $0 == .character("q") }) {
      session.finish(status: 0)
    }
  }

  func resize(_ size: TerminalSize) {}

  func changed() {
    guard isTold else { return }
    isTold = false
    session.setTimer(in: Self.interval)
  }

  func repaint() {}

  func timerFired() {
    isTold = true
    guard let activity = connection.activity else { return }
    activity.refresh()
    let traffic = activity.traffic
    let new = min(traffic.endedCount &- toldCount, UInt64(Int32.max))
    toldCount = traffic.endedCount
    let records = traffic.ended.suffix(Int(new)).suffix(Self.linesAtOnce)
    let untold = Int(new) - records.count
    session.print((untold > 0 ? ["… and \(untold) more requests"] : []) + records.map(ShellNotice.line))
  }

  func bindingChanged(_ bound: Forward.Bound) { session.print([ShellNotice.line(bound)]) }

  func refused(_ what: String) { session.print(["Could not publish \(what)."], isError: true) }

  func announce(_ text: String) { session.print([text], isError: true) }

  /// There is nothing to give back; why the connection ends is told by the client itself.
  func farewell(_ text: String?) -> ByteBuffer { ByteBuffer() }
}
