/// What the keys do and the columns mean.
enum HelpPanel {
  private static let keys: [(key: String, does: String)] = [
    ("q, Ctrl-C, Ctrl-D", "quit"),
    ("Q", "QR code of an address; Tab chooses another, i inverts it"),
    ("↑ ↓ j k", "scroll; PgUp PgDn by a page"),
    ("g G", "newest and oldest; Home and End do the same"),
    ("p", "pause the list; requests go on"),
    ("/", "show only what contains these words: path, visitor, method, status"),
    ("c", "clear the list"),
    ("?", "this help"),
  ]
  private static let notes = [
    "Times are UTC. Bytes are of bodies. Queries are never shown. Visitors now: seen within the last minute.",
    "Commands, each with --json: ssh EDGE whoami | tunnels | routes | logout | help",
  ]

  static func draw(_ model: ScreenModel, on grid: inout Grid) {
    let isWide = grid.columns >= 60
    let indent = isWide ? 20 : 3
    // A line for each key on a low screen: what does not fit is cut, the first keys matter most.
    var row = grid.rows >= 16 ? 2 : 1
    for (key, does) in keys {
      grid.write(key, row: row, column: 2, width: grid.columns - 3, .bold)
      if isWide {
        grid.write(does, row: row, column: 2 + indent, width: grid.columns - indent - 3)
      } else {
        let column = 2 + Grid.width(key) + 2
        grid.write(does, row: row, column: column, width: grid.columns - column - 1)
      }
      row += 1
    }
    row += 1
    for note in [model.quitText] + notes {
      for line in wrapped(note, min(grid.columns - 4, 100)) where row < grid.rows - 1 {
        grid.write(line, row: row, column: 2, width: grid.columns - 3, .dim)
        row += 1
      }
    }
  }

  /// Broken at blanks; a word that is longer than a line is cut where it is drawn.
  static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, Grid.width(line) + 1 + Grid.width(String(word)) > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }
}
