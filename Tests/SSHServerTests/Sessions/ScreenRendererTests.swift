import PlainText
import Policy
import Routing
import Testing

@testable import SSHServer

/// Frames, in text.
struct ScreenRendererTests {
  @Test func theUsualWindow() {
    let frame = ScreenFixture.lines(ScreenFixture.model(requests: 5, tunnels: 3, running: 1), 80, 24)
    let wanted = """
       TunnelEdge                          ann@example.com until 2026-11-21 22:05 UTC

       • https://app.example         published
       ○ https://api.example         not reachable: somebody else publishes it now
       ! https://docs.example:8443   published, but your local service refused: no

       Requests 5  Errors 1  Visitors now 2  Open 1  In 6 B  Out 9.0 kB

       UTC      Visitor            Method  Path                Status    Took    Sent
       13:45:37 bob@example.com    GET     /page/4                200    56 s  6.0 kB
       13:45:36 192.0.2.7          POST    /page/3                304  111 ms  4.5 kB
       13:45:35 bob@example.com    GET     /page/2                502   74 ms  3.0 kB
       13:45:34 192.0.2.7          GET     /page/1                404   37 ms  1.5 kB
       13:45:33 bob@example.com    POST    /page/0                200    0 ms     0 B








       q ends this session, and the tunnels unless a ControlMaster keeps them.
       q quit   Q QR code   ? help   ↑↓ scroll   p pause   / filter   c clear
      """
    #expect(frame.joined(separator: "\n") == wanted)
  }

  @Test func aSmallWindow() {
    let frame = ScreenFixture.lines(ScreenFixture.model(requests: 9), 40, 10)
    #expect(
      frame == [
        " TunnelEdge             ann@example.com", " • https://app.example   published",
        " Requests 9  Errors 2  Visitors now 2", " Method  Path                      Took",
        " GET     /page/8            200  296 ms", " GET     /page/7            304  259 ms",
        " POST    /page/6            502  222 ms", " GET     /page/5            404  185 ms",
        " GET     /page/4            200  148 ms", " q quit   Q QR code   ? help",
      ])
  }

  @Test func aLargeWindowHasEveryColumn() {
    let frame = ScreenFixture.lines(ScreenFixture.model(requests: 40, tunnels: 4), 200, 50)
    let titles = frame.first { $0.contains("Visitor  ") } ?? ""
    for title in ["UTC", "Visitor", "Method", "Host", "Path", "Status", "Took", "Received", "Sent", "Note"] {
      #expect(titles.contains(title))
    }
    #expect(frame.contains { $0.contains("/page/38") && $0.hasSuffix("local service refused") })
    #expect(frame.contains { $0.contains("https://*.dev.example") && $0.contains("one fixed local target") })
    #expect(frame.allSatisfy { !$0.contains("secret") })
  }

  @Test func noSizeIsTooSmallOrTooLarge() {
    let model = ScreenFixture.model(requests: 300, tunnels: 4, running: 3)
    for panel in [ScreenView.Panel.requests, .code, .help] {
      for columns in [1, 2, 3, 4, 7, 11, 19, 24, 33, 40, 57, 72, 80, 110, 1000] {
        for rows in Array(1...17) + [20, 30, 1000] where columns < 100 || rows % 3 == 1 {
          var view = ScreenView()
          view.panel = panel
          let grid = ScreenRenderer(terminal: ScreenFixture.xterm, columns: columns, rows: rows).draw(model, view)
          #expect(grid.columns == min(columns, 320) && grid.rows == min(rows, 120))
        }
      }
    }
  }

  @Test func nothingThatMovesACursorIsDrawn() {
    var model = ScreenFixture.model(requests: 0)
    model.person = "eve\u{1B}[2J\u{202E}\u{200B}\u{85}".printable()
    model.tunnels[0] = ScreenModel.Tunnel(id: BindingID(1), url: "https://a\u{7}", state: .detached("\u{1B}]0;x\u{7}"))
    for line in ScreenFixture.lines(model, 120, 30) {
      for scalar in line.unicodeScalars { #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)) }
    }
  }

  @Test func wideSignsAndMarksKeepTheirColumns() {
    var grid = Grid(columns: 10, rows: 1)
    #expect(grid.write("日本e\u{301}x", row: 0, column: 0) == 6)
    #expect(grid.lines == ["日本e\u{301}x"])
    #expect(grid[0, 1].isCovered && grid[0, 4].mark == "\u{301}")
    var narrow = Grid(columns: 4, rows: 1)
    narrow.write("日本語", row: 0, column: 0)
    #expect(narrow.lines == ["日 …"])
    #expect(Grid.width("😀❤\u{FE0F}👍🏽🇩🇪") == 2 + 1 + 2 + 2)
    #expect(Grid.width("\u{E000}\u{1B}a") == 3)
  }

  @Test func theCodeFitsTheUsualWindowForLongNames() {
    var view = ScreenView()
    view.panel = .code
    for length in [20, 40, 60, 62] {
      var model = ScreenFixture.model(requests: 0)
      let url = "https://" + String(repeating: "a", count: length - 8)
      model.tunnels = [.init(id: BindingID(1), url: url, state: .published)]
      let frame = ScreenFixture.lines(model, 80, 24, view)
      #expect(frame.contains { $0.contains("█▀▀▀▀▀█") })
    }
    // With more room each module is two cells.
    let large = ScreenRenderer(terminal: ScreenFixture.xterm, columns: 200, rows: 50)
      .draw(ScreenFixture.model(requests: 0), view)
    let reversed = large.cells.count { $0.style.ink == .paper && $0.style.isReversed }
    #expect(reversed > 500 && !large.lines.contains { $0.contains("▀") })
    #expect(
      ScreenFixture.lines(ScreenFixture.model(requests: 0), 40, 10, view).contains {
        $0.contains("needs a window of 30×17")
      })
  }

  @Test func numbersAreShort() {
    #expect(
      [0, 999, 1000, 9949, 9950, 999_499, 999_500, 1_234_567, .max].map(ShortText.bytes)
        == ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "1.2 MB", "18 EB"])
    #expect(
      [-5, 0, 999, 1000, 9949, 9950, 59_999, 60_000, 3_599_000, 3_600_000, 360_000_000, .max].map(ShortText.duration)
        .prefix(11) == ["0 ms", "0 ms", "999 ms", "1.0 s", "9.9 s", "9 s", "59 s", "1:00", "59:59", "1:00:00", "4 d"])
    #expect(ShortText.count(1_234_567) == "1,234,567" && ShortText.count(12) == "12")
  }
}
