import NIOCore
import SSHProtocol

/// The status screen on its channel: frames out when there is room, keys in.
final class ScreenFace: SessionFace {
  private unowned let session: SessionChannel
  private var machine: ScreenMachine
  private var notices: [String] = []

  init(of session: SessionChannel, terminal: TerminalKind, size: TerminalSize) {
    self.session = session
    machine = ScreenMachine(terminal: terminal, size: size)
  }

  func start() { pump() }

  func receive(_ bytes: ByteBuffer) {
    if machine.receive(bytes.readableBytesView, now: Self.now) { session.finish(status: 0) } else { pump() }
  }

  func resize(_ size: TerminalSize) {
    machine.resize(size)
    pump()
  }

  func changed() {
    machine.touch()
    pump()
  }

  func repaint() {
    machine.repaint()
    pump()
  }

  func bindingChanged(_ bound: Forward.Bound) { changed() }

  func refused(_ what: String) { changed() }

  func announce(_ text: String) {
    notices = notices.suffix(1) + [text]
    changed()
  }

  func timerFired() {
    if machine.timePassed(Self.now) { session.finish(status: 0) } else { pump() }
  }

  func farewell(_ text: String?) -> ByteBuffer { ByteBuffer(bytes: machine.leave(text)) }

  private func pump() {
    let now = Self.now
    if machine.wantsFrame(now: now, hasRoom: session.isDrained), let model = session.model(notices) {
      session.write(ByteBuffer(bytes: machine.frame(model, now: now)))
      // Each of a connection's screens has its part of the time that one may take.
      machine.rest(after: (Self.now &- now) * UInt64(clamping: session.screensOfConnection), now: now)
    }
    session.setTimer(in: machine.deadline.map { $0 > now ? $0 - now : 0 })
  }

  private static var now: UInt64 { SystemClock.monotonic() / 1_000_000 }
}
