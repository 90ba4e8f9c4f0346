import Policy
import Routing
import SSHProtocol
import Testing

@testable import SSHServer

struct ScreenMachineTests {
  private func machine(_ columns: UInt32 = 80, _ rows: UInt32 = 24) -> ScreenMachine {
    ScreenMachine(terminal: ScreenFixture.xterm, size: TerminalSize(columns: columns, rows: rows))
  }

  @Test func aFrameIsDrawnAtOnceAndTheNextNotBeforeItsTime() {
    var machine = machine()
    let model = ScreenFixture.model(requests: 0)
    let first = machine.wantsFrame(now: 1000, hasRoom: true)
    #expect(first)
    _ = machine.frame(model, now: 1000)
    #expect(machine.deadline == nil)
    machine.touch()
    machine.touch()
    let early = machine.wantsFrame(now: 1099, hasRoom: true)
    #expect(!early && machine.deadline == 1100)
    let due = machine.wantsFrame(now: 1100, hasRoom: true)
    #expect(due)
    #expect(machine.frame(model, now: 1100).isEmpty)
    let again = machine.wantsFrame(now: 9000, hasRoom: true)
    #expect(!again)
  }

  @Test func aFloodOfKeysCostsOneFrameSTimeOfKeys() {
    var machine = machine()
    let flood = Array(repeating: UInt8(ascii: "p"), count: 30_001)
    _ = machine.frame(ScreenFixture.model(requests: 3), now: 1000)
    var quits = machine.receive(flood, now: 1000)
    // An even number of them was acted on, and what comes in the same moment is too much as well.
    #expect(!quits && machine.view.paused == nil)
    quits = machine.receive("p".utf8, now: 1050)
    #expect(!quits && machine.view.paused == nil)
    quits = machine.receive("p".utf8, now: 1100)
    #expect(!quits && machine.view.paused != nil)
    _ = machine.receive(flood, now: 1300)
    quits = machine.receive([3], now: 1301)
    #expect(quits)
  }

  @Test func keysLookThroughTheRequestsAFewTimesAFrame() {
    var machine = machine()
    let model = ScreenFixture.model(requests: 100)
    _ = machine.frame(model, now: 0)
    // Each `p` changes what there is to look through: four times at the most, then nothing is done.
    _ = machine.receive(Array(repeating: "pj", count: 40).joined().utf8, now: 1000)
    #expect(machine.view.top == 96)
    // Without a change once is enough.
    _ = machine.frame(model, now: 1100)
    _ = machine.receive(String(repeating: "j", count: 40).utf8, now: 2000)
    #expect(machine.view.top == 56)
  }

  @Test func aFrameThatTookLongIsFollowedByARest() {
    var machine = machine()
    _ = machine.frame(ScreenFixture.model(requests: 3), now: 0)
    machine.rest(after: 3, now: 0)
    machine.touch()
    #expect(machine.deadline == 100)
    machine.rest(after: 40, now: 0)
    #expect(machine.deadline == 400)
    machine.rest(after: .max / 100, now: 0)
    #expect(machine.deadline == 1000)
  }

  @Test func aFilterOfCombiningMarksIsAsShortAsAnyOther() {
    var machine = machine()
    _ = machine.frame(ScreenFixture.model(requests: 3), now: 0)
    let marks = String(repeating: "\u{301}", count: 500)
    let quits = machine.receive("/e\(marks)\u{1B}[200~\(marks)\u{1B}[201~".utf8, now: 200)
    #expect(!quits && machine.view.isEditingFilter)
    #expect(machine.view.filter.unicodeScalars.count == 100)
  }

  @Test func withoutRoomNothingIsDrawnAndItIsAskedEverMoreSlowly() {
    var machine = machine()
    _ = machine.frame(ScreenFixture.model(requests: 0), now: 0)
    machine.touch()
    var now: UInt64 = 100
    var asked = 0
    while now < 60_000 {
      let wants = machine.wantsFrame(now: now, hasRoom: false)
      #expect(!wants)
      asked += 1
      now = machine.deadline ?? 60_000
    }
    #expect(asked < 40)
    let wants = machine.wantsFrame(now: now, hasRoom: true)
    #expect(wants)
  }

  @Test func runningRequestsGrowOlderOnTheScreen() {
    var machine = machine()
    var model = ScreenFixture.model(requests: 3, running: 1)
    _ = machine.frame(model, now: 0)
    #expect(machine.deadline == 1000)
    let quits = machine.timePassed(1000)
    #expect(!quits)
    model.now = model.now.adding(seconds: 1)
    let later = String(decoding: machine.frame(model, now: 1000), as: UTF8.self)
    // 58 seconds become 59.
    #expect(later.hasSuffix("9\u{1B}[m") && later.utf8.count < 24)
  }

  @Test(arguments: ["q", "\u{3}", "\u{4}", "Qq", "?q", "/abc\u{3}", "/abc\rq", "\u{1B}[200~q\u{1B}[201~q"])
  func itIsLeftByKeys(_ keys: String) {
    var machine = machine()
    _ = machine.frame(ScreenFixture.model(requests: 3), now: 0)
    let quits = machine.receive(Array(keys.utf8), now: 200)
    #expect(quits)
  }

  @Test(arguments: ["/q", "\u{1B}[200~q\u{1B}[201~", "\u{1B}[A", "p", "c", "Q", "?", "g", "G", "é"])
  func otherKeysDoNotLeaveIt(_ keys: String) {
    var machine = machine()
    _ = machine.frame(ScreenFixture.model(requests: 3), now: 0)
    let quits = machine.receive(Array(keys.utf8), now: 200)
    #expect(!quits)
  }

  /// What is shown after these keys.
  private func shown(_ keys: String, _ model: ScreenModel, then later: ScreenModel? = nil) -> [String] {
    var machine = machine()
    var terminal = TerminalModel(columns: 80, rows: 24)
    terminal.feed(machine.frame(model, now: 0))
    _ = machine.receive(Array(keys.utf8), now: 200)
    _ = machine.timePassed(300)
    terminal.feed(machine.frame(later ?? model, now: 400))
    return terminal.text
  }

  @Test func theListIsScrolledAndStaysWhereItIsRead() {
    let model = ScreenFixture.model(requests: 100)
    #expect(shown("", model).contains { $0.contains("/page/99 ") })
    let down = shown("jj", model)
    #expect(!down.contains { $0.contains("/page/98 ") } && down.contains { $0.contains("/page/97 ") })
    #expect(down.contains { $0.contains("2 above.") })
    let end = shown("G", model)
    #expect(end.contains { $0.contains("/page/0 ") })
    #expect(shown("Gg", model).contains { $0.contains("/page/99 ") })
    let later = shown("jj", model, then: ScreenFixture.model(requests: 110))
    #expect(later.contains { $0.contains("/page/97 ") } && !later.contains { $0.contains("/page/98 ") })
  }

  @Test func theListIsPausedFilteredAndCleared() {
    let model = ScreenFixture.model(requests: 10)
    let more = ScreenFixture.model(requests: 15)
    let paused = shown("p", model, then: more)
    #expect(!paused.contains { $0.contains("/page/14") } && paused.contains { $0.contains("Paused, 5 newer.") })
    let filtered = shown("/192 404\r", model)
    #expect(filtered.contains { $0.contains("/page/5 ") } && !filtered.contains { $0.contains("/page/4 ") })
    #expect(filtered.contains { $0.contains("Filter: 192 404") })
    #expect(shown("/nothing", model).contains { $0.contains("No request matches.") })
    #expect(shown("/nothing\u{1B}", model).contains { $0.contains("/page/4 ") })
    #expect(shown("/\u{1B}[200~page/7\u{1B}[201~\r", model).contains { $0.contains("/page/7 ") })
    let cleared = shown("c", model, then: more)
    #expect(cleared.contains { $0.contains("/page/14") } && !cleared.contains { $0.contains("/page/9 ") })
  }

  @Test func theCodeIsOfTheChosenAddress() {
    let model = ScreenFixture.model(requests: 0, tunnels: 4)
    #expect(shown("Q", model).contains { $0.contains("https://app.example") })
    #expect(shown("Q\t", model).contains { $0.contains("https://api.example") })
    #expect(shown("Q\t\t\t", model).contains { $0.contains("many names") })
    #expect(shown("Q\t\t\t\t", model).contains { $0.contains("Address 1 of 4") })
    #expect(shown("Q\u{1B}[Z", model).contains { $0.contains("https://*.dev.example") })
    var none = model
    none.tunnels = []
    #expect(shown("Q\t", model, then: none).contains { $0.contains("Nothing is published.") })
  }

  @Test func theTruthAboutQuitting() {
    var model = ScreenFixture.model(requests: 0)
    #expect(model.quitText.contains("unless a ControlMaster keeps it"))
    model.otherSessions = 1
    #expect(model.quitText.contains("another session of this connection keeps the tunnel"))
    model.tunnels = []
    #expect(model.quitText == "q ends this session.")
  }

  @Test func whatTheClientWritesOverItIsDrawnAgain() {
    var machine = machine()
    var terminal = TerminalModel(columns: 80, rows: 24)
    let model = ScreenFixture.model(requests: 5)
    terminal.feed(machine.frame(model, now: 0))
    let whole = terminal.text
    terminal.feed(Array("\u{1B}[3Hconnect_to 127.0.0.1 port 3000: failed.\r\n".utf8))
    #expect(terminal.text != whole)
    machine.repaint()
    terminal.feed(machine.frame(model, now: 200))
    #expect(terminal.text == whole)
  }

  @Test func anyKeysInAnySizeAreSurvived() {
    var state: UInt64 = 7
    func next(_ limit: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % limit
    }
    let keys = [
      "q", "Q", "?", "/", "\u{1B}", "\u{1B}[A", "\u{1B}[B", "\t", "p", "c", "G", "g", "x", "\r", "\u{7F}", "é", "i",
    ]
    let models = [(0, 0), (1, 1), (30, 2), (300, 4)].map {
      ScreenFixture.model(requests: $0, tunnels: $1, running: $0 / 10)
    }
    var machine = machine()
    var grids = 0
    for round in 0..<600 {
      let now = UInt64(round * 100)
      _ = machine.receive(Array(keys[Int(next(UInt64(keys.count)))].utf8), now: now)
      _ = machine.timePassed(now + 60)
      if next(10) == 0 { machine.resize(TerminalSize(columns: UInt32(next(130)), rows: UInt32(next(40)))) }
      if !machine.frame(models[Int(next(4))], now: now + 60).isEmpty { grids += 1 }
    }
    #expect(grids > 100)
  }
}
