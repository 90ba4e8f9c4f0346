import Policy
import Routing
import SSHProtocol

/// A status screen without its channel: keys and changes in, frames out.
///
/// Frames are not queued. A change only makes the next frame due; it is drawn from the model as it is then, at most ten
/// times a second, and not before the last frame has left.
///
///     touch, keys, resize ─▶ due ──(100 ms since the last, and room)──▶ frame ─▶ idle ─▶ …
///                              └──(no room)──▶ asked for again, ever more slowly
struct ScreenMachine {
  /// Milliseconds between two frames.
  static let frameTime: UInt64 = 100
  /// How long a client without room is left alone at most.
  private static let longestWait: UInt64 = 2000
  /// How often running times are redrawn, and how often who is there.
  private static let runningTime: UInt64 = 1000
  private static let presenceTime: UInt64 = 15_000

  private let terminal: TerminalKind
  private var renderer: ScreenRenderer
  private var decoder = KeyDecoder()
  private(set) var view = ScreenView()
  private var shown: Grid?
  private var drawn: ScreenView?
  /// Somebody else wrote over what is shown.
  private var isGarbled = false
  private var hasEntered = false

  /// Keys since then; milliseconds.
  private var pressed = 0
  private var pressedSince: UInt64 = 0

  private var isDue = true
  private var nextFrame: UInt64 = 0
  private var wait = frameTime
  /// When what was drawn last grows old by itself.
  private var refresh: UInt64?
  /// As of the last frame: what keys refer to.
  private var model = ScreenModel()
  /// Of it: how many requests fit on the screen, and which there are to choose from. Made when a key first needs them.
  private var fitting: Int?
  private var listed: [TrafficRecord]?

  init(terminal: TerminalKind, size: TerminalSize) {
    self.terminal = terminal
    renderer = ScreenRenderer(terminal: terminal, columns: size.columns, rows: size.rows)
  }

  // MARK: What happens

  /// Something that is drawn has changed.
  mutating func touch() { isDue = true }

  /// The client's own messages go to the same terminal: what is shown is drawn anew.
  mutating func repaint() {
    isGarbled = true
    isDue = true
  }

  mutating func resize(_ size: TerminalSize) {
    renderer = ScreenRenderer(terminal: terminal, columns: size.columns, rows: size.rows)
    // What the terminal made of the old frame is its own affair.
    shown = nil
    fitting = nil
    isDue = true
  }

  /// Bytes from the client; true when it wants to quit.
  mutating func receive(_ bytes: some Sequence<UInt8>, now: UInt64) -> Bool {
    if now &- pressedSince >= Self.frameTime { (pressed, pressedSince) = (0, now) }
    return press(decoder.receive(bytes, now: now))
  }

  /// A deadline has passed; true when somebody wants to quit.
  mutating func timePassed(_ now: UInt64) -> Bool {
    if let refresh, refresh <= now {
      self.refresh = nil
      isDue = true
    }
    return press(decoder.timePassed(now))
  }

  /// When to call `timePassed` and `frame` again.
  var deadline: UInt64? {
    [isDue ? nextFrame : nil, decoder.deadline, refresh].compactMap(\.self).min()
  }

  // MARK: Frames

  /// Whether a frame is due now: then the caller makes a model and calls `frame`. Without room it is put off.
  mutating func wantsFrame(now: UInt64, hasRoom: Bool) -> Bool {
    guard isDue, nextFrame <= now else { return false }
    if hasRoom {
      wait = Self.frameTime
      return true
    }
    nextFrame = now &+ wait
    wait = min(wait * 2, Self.longestWait)
    return false
  }

  /// What leads from the last frame to this one.
  mutating func frame(_ model: ScreenModel, now: UInt64) -> [UInt8] {
    let isSame = model.tunnels == self.model.tunnels && model.person == self.model.person && drawn == view
    self.model = model
    (fitting, listed) = (nil, nil)
    settle()
    if isSame, view.panel == .code, shown != nil, !isGarbled {
      // Nothing on it moves, and a code takes a while to make.
      isDue = false
      nextFrame = now &+ Self.frameTime
      refresh = nil
      return []
    }
    drawn = view
    let grid = renderer.draw(model, view)
    var writer = TerminalWriter(terminal)
    if !hasEntered { writer.enter() }
    hasEntered = true
    if isGarbled, shown?.columns == grid.columns, shown?.rows == grid.rows {
      writer.repaint(grid)
    } else if grid != shown {
      writer.draw(grid, over: shown)
    }
    isGarbled = false
    shown = grid
    isDue = false
    nextFrame = now &+ Self.frameTime
    let isRunning = view.paused == nil && model.traffic.running > 0
    refresh = isRunning ? now &+ Self.runningTime : model.traffic.visitors > 0 ? now &+ Self.presenceTime : nil
    return writer.bytes
  }

  /// A frame took its event loop so long, and others wait for that: the next one leaves it ten times as long to them.
  mutating func rest(after milliseconds: UInt64, now: UInt64) {
    nextFrame = max(nextFrame, now &+ min(milliseconds * 10, Self.longestRest))
  }

  private static let longestRest: UInt64 = 1000

  /// Gives the terminal back; the text is for whoever looks at it then.
  func leave(_ text: String?) -> [UInt8] {
    var writer = TerminalWriter(terminal)
    if hasEntered { writer.leave() }
    if let text { writer.send(text + "\r\n") }
    return writer.bytes
  }

  // MARK: Keys

  private mutating func press(_ keys: [Key]) -> Bool {
    for key in keys {
      pressed += 1
      guard pressed <= Self.keysPerFrame || Self.quits(key) else { continue }
      isDue = true
      let before = (view.filter, view.clearedThrough, view.paused == nil)
      if view.isEditingFilter, !Self.quits(key) { edit(key) } else if act(key) { return true }
      if before != (view.filter, view.clearedThrough, view.paused == nil) { listed = nil }
    }
    return false
  }

  /// Nobody presses more in the time of a frame, and others wait for this event loop.
  private static let keysPerFrame = 256
  /// To look through all requests counts as so many.
  private static let keysPerList = 64

  private mutating func requests() -> [TrafficRecord] {
    if let listed { return listed }
    pressed += Self.keysPerList
    let made = view.requests(in: model)
    listed = made
    return made
  }

  private mutating func visibleRequests() -> Int {
    if let fitting { return fitting }
    let made = renderer.visibleRequests(model)
    fitting = made
    return made
  }

  private static func quits(_ key: Key) -> Bool { key == .control("C") || key == .control("D") }

  private mutating func edit(_ key: Key) {
    switch key {
    case .character(let scalar): view.filter.unicodeScalars.append(scalar)
    case .pasted(let text): view.filter += text
    case .backspace: if !view.filter.isEmpty { view.filter.removeLast() }
    case .control("U"): view.filter = ""
    case .enter: view.isEditingFilter = false
    case .escape:
      view.isEditingFilter = false
      view.filter = ""
    case .control, .tab, .backTab, .up, .down, .left, .right, .pageUp, .pageDown, .home, .end: break
    }
    // Scalars are counted: of marks that combine, one character has as many as somebody likes.
    view.filter = String(String.UnicodeScalarView(view.filter.unicodeScalars.prefix(Self.longestFilter)))
    view.top = nil
  }

  private static let longestFilter = 100

  /// True when it quits.
  private mutating func act(_ key: Key) -> Bool {
    let page = max(1, visibleRequests() - 1)
    switch key {
    case .control("C"), .control("D"), .character("q"): return true
    case .character("Q"): view.panel = view.panel == .code ? .requests : .code
    case .character("?"), .character("h"): view.panel = view.panel == .help ? .requests : .help
    case .escape:
      if view.panel != .requests { view.panel = .requests } else { view.filter = "" }
    case .character("i"): if view.panel == .code { view.isCodeInverted.toggle() }
    case .tab, .right: view.chosenTunnel += view.chosenTunnel < model.tunnels.count - 1 ? 1 : -view.chosenTunnel
    case .backTab, .left:
      view.chosenTunnel = view.chosenTunnel > 0 ? view.chosenTunnel - 1 : max(0, model.tunnels.count - 1)
    case .up, .character("k"): scroll(-1)
    case .down, .character("j"): scroll(1)
    case .pageUp, .control("B"): scroll(-page)
    case .pageDown, .control("F"), .character(" "): scroll(page)
    case .home, .character("g"): view.top = nil
    case .end, .character("G"): scroll(Int(Int32.max))
    case .character("p"): view.paused = view.paused == nil ? model.traffic : nil
    case .character("/"):
      view.panel = .requests
      view.isEditingFilter = true
    case .character("c"):
      view.clearedThrough = model.traffic.requests.first?.id ?? view.clearedThrough
      view.paused = nil
      view.top = nil
    case .control("L"): isGarbled = true
    case .character, .control, .enter, .backspace, .pasted: break
    }
    return false
  }

  private mutating func scroll(_ count: Int) {
    guard view.panel == .requests else { return }
    let requests = requests()
    let visible = visibleRequests()
    let first = view.first(of: requests, rows: visible)
    let wanted = max(0, min(first + count, requests.count - visible))
    view.top = wanted == 0 ? nil : requests.indices.contains(wanted) ? requests[wanted].id : nil
  }

  /// What the view refers to may be gone.
  private mutating func settle() {
    if view.chosenTunnel >= model.tunnels.count { view.chosenTunnel = max(0, model.tunnels.count - 1) }
  }
}
