import Policy
import Routing
import SSHProtocol
import TestSupport
import Testing

@testable import SSHServer

/// What leaves for a terminal makes it show the grid, and costs little.
struct TerminalWriterTests {
  private func random(_ columns: Int, _ rows: Int, from old: Grid?, _ chance: inout SeededGenerator) -> Grid {
    var grid = old ?? Grid(columns: columns, rows: rows)
    let texts = ["a", "hello world", "日本", "", "     ", "e\u{301}", "█▀▄", "a long text that goes on and on"]
    let styles = [CellStyle.plain, .bold, .dim, .bar, CellStyle(ink: .red, isBold: true), CellStyle(ink: .paper)]
    for _ in 0..<Int.random(in: 1...6, using: &chance) {
      let column = Int.random(in: 0..<columns, using: &chance)
      // Half of a wide sign is never left, as in frames, which begin with an empty grid.
      let row = Int.random(in: 0..<rows, using: &chance)
      for place in 0..<columns { grid[row, place] = .blank }
      grid.write(
        texts.randomElement(using: &chance) ?? "", row: row, column: column,
        styles.randomElement(using: &chance) ?? .plain)
    }
    return grid
  }

  private func check(_ terminal: TerminalModel, shows grid: Grid) {
    var wanted = grid
    wanted[grid.rows - 1, grid.columns - 1] = .blank
    var shown = terminal.text
    var lines = wanted.lines
    // A wide sign in the last places of all is not drawn whole.
    if grid[grid.rows - 1, grid.columns - 1].isCovered {
      shown.removeLast()
      lines.removeLast()
    }
    #expect(shown == lines)
    for row in 0..<grid.rows {
      for column in 0..<grid.columns where wanted[row, column].scalar != " " && !wanted[row, column].isCovered {
        if row == grid.rows - 1, column >= grid.columns - 2 { continue }
        #expect(
          terminal.lines[row][column].style.sorted()
            == wanted[row, column].style.parameters(usesColour: true).map(Int.init).sorted())
      }
    }
    #expect(terminal.unknown.isEmpty && terminal.wrapped == 0)
  }

  @Test func anySequenceOfFramesIsShownAsDrawn() {
    var chance = SeededGenerator(1)
    for (columns, rows) in [(1, 1), (2, 2), (7, 3), (40, 10), (80, 24)] {
      var terminal = TerminalModel(columns: columns, rows: rows)
      var shown: Grid?
      for number in 0..<60 {
        let grid = random(columns, rows, from: number % 7 == 0 ? nil : shown, &chance)
        var writer = TerminalWriter(ScreenFixture.xterm)
        if number % 5 == 4, shown != nil { writer.repaint(grid) } else { writer.draw(grid, over: shown) }
        terminal.feed(writer.bytes)
        check(terminal, shows: grid)
        shown = grid
      }
    }
  }

  @Test func aChangeCostsWhatItChanges() {
    let old = ScreenRenderer(terminal: ScreenFixture.xterm, columns: 200, rows: 50)
      .draw(ScreenFixture.model(requests: 10), ScreenView())
    var grid = old
    grid.write("7", row: 20, column: 100)
    var writer = TerminalWriter(ScreenFixture.xterm)
    writer.draw(grid, over: old)
    #expect(writer.bytes.count <= 12)
    var nothing = TerminalWriter(ScreenFixture.xterm)
    nothing.draw(old, over: old)
    #expect(nothing.bytes.isEmpty)
    var all = TerminalWriter(ScreenFixture.xterm)
    all.draw(old, over: nil)
    #expect(all.bytes.count < 2500)
  }

  @Test func theTerminalIsLeftAsItWasFound() {
    for name in ["xterm", "linux"] {
      let kind = TerminalKind(name: name, modes: [], environment: [:])
      var terminal = TerminalModel(columns: 80, rows: 24)
      var machine = ScreenMachine(terminal: kind, size: TerminalSize(columns: 80, rows: 24))
      terminal.feed(machine.frame(ScreenFixture.model(requests: 3), now: 0))
      #expect(terminal.isAlternate && !terminal.hasCursor && terminal.marksPastes)
      terminal.feed(machine.leave("Good bye."))
      #expect(!terminal.isAlternate && terminal.hasCursor && !terminal.marksPastes && terminal.unknown.isEmpty)
    }
    let never = ScreenMachine(terminal: ScreenFixture.xterm, size: TerminalSize(columns: 80, rows: 24))
    #expect(never.leave(nil).isEmpty)
  }

  @Test(
    arguments: [
      ("xterm", [:], true, true, true), ("dumb", [:], false, true, true), ("", [:], false, true, true),
      ("xterm", ["NO_COLOR": "1"], true, false, true), ("xterm", ["NO_COLOR": ""], true, true, true),
      ("vt100", [:], true, false, true), ("xterm", ["LANG": "C"], true, true, false),
      ("xterm", ["LANG": "de_DE.UTF-8"], true, true, true),
      ("xterm", ["LANG": "en_US.utf8", "LC_ALL": "C"], true, true, false),
    ] as [(String, [String: String], Bool, Bool, Bool)])
  func terminalsAreToldApart(
    _ name: String, _ environment: [String: String], _ hasScreen: Bool, _ usesColour: Bool, _ usesUnicode: Bool
  ) {
    let kind = TerminalKind(name: name, modes: [], environment: environment)
    #expect(kind.hasScreen == hasScreen && kind.usesColour == usesColour && kind.usesUnicode == usesUnicode)
  }

  @Test func theClientsTerminalDriverKnowsBest() {
    let modes: [UInt8] = [128, 0, 0, 150, 0, 42, 0, 0, 0, 1, 0]
    #expect(TerminalKind(name: "xterm", modes: modes, environment: ["LANG": "C"]).usesUnicode)
    #expect(!TerminalKind(name: "xterm", modes: [42, 0, 0, 0], environment: ["LANG": "C"]).usesUnicode)
  }

  @Test func colourlessAndPlainTerminalsGetNeitherColourNorMoreThanASCII() {
    let kind = TerminalKind(name: "vt100", modes: [], environment: ["LANG": "C"])
    var machine = ScreenMachine(terminal: kind, size: TerminalSize(columns: 100, rows: 50))
    var bytes = machine.frame(ScreenFixture.model(requests: 20, tunnels: 4), now: 0)
    _ = machine.receive(Array("Q".utf8), now: 200)
    bytes += machine.frame(ScreenFixture.model(requests: 20, tunnels: 4), now: 200)
    #expect(bytes.allSatisfy { $0 < 0x7F })
    #expect(!String(decoding: bytes, as: UTF8.self).contains(/\[[\d;]*[34]\dm/))
  }
}
