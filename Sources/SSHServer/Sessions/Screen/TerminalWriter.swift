/// Turns grids into bytes for a terminal: only what differs, with sequences that xterm, Windows Terminal, tmux and the
/// Linux console share. Nothing is asked of the terminal.
struct TerminalWriter {
  let terminal: TerminalKind
  private(set) var bytes: [UInt8] = []
  private var style = CellStyle.plain
  /// Where the cursor is, if that is certain.
  private var cursor: (row: Int, column: Int)?

  init(_ terminal: TerminalKind) { self.terminal = terminal }

  // MARK: Coming and going

  /// Alternate screen, no cursor, pasted text marked as such.
  mutating func enter() { send("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?2004h") }

  /// Leaves the terminal as it was found.
  mutating func leave() {
    send("\u{1B}[m")
    // The Linux console has no alternate screen.
    if terminal.isLinuxConsole { send("\u{1B}[H\u{1B}[2J") }
    send("\u{1B}[?2004l\u{1B}[?25h\u{1B}[?1049l")
  }

  // MARK: Frames

  /// All of it, over whatever somebody else has written there; without clearing first, which would flicker.
  mutating func repaint(_ grid: Grid) {
    for row in 0..<grid.rows {
      move(row, 0)
      let blankFrom = Self.trailingBlanks(grid.row(row))
      let end = min(blankFrom, row == grid.rows - 1 ? grid.columns - 1 : grid.columns)
      var column = 0
      while column < end {
        move(row, column)
        put(grid[row, column], columns: grid.columns)
        column += grid[row, column].isWide ? 2 : 1
      }
      become(.plain)
      if end < grid.columns { send("\u{1B}[K") }
    }
  }

  /// From one grid to the next; `nil`, or one of another size, is a terminal that shows anything.
  mutating func draw(_ grid: Grid, over old: Grid?) {
    if let old, old.columns == grid.columns, old.rows == grid.rows {
      for row in 0..<grid.rows where old.row(row) != grid.row(row) { draw(row, of: grid, over: old) }
    } else {
      send("\u{1B}[m\u{1B}[H\u{1B}[2J")
      cursor = (0, 0)
      let blank = Grid(columns: grid.columns, rows: grid.rows)
      for row in 0..<grid.rows { draw(row, of: grid, over: blank) }
    }
    become(.plain)
  }

  private mutating func draw(_ row: Int, of grid: Grid, over old: Grid) {
    // The last place of all is never written: some terminals would scroll.
    let end = row == grid.rows - 1 ? grid.columns - 1 : grid.columns
    let blankFrom = Self.trailingBlanks(grid.row(row))
    var column = 0
    while column < end {
      if column >= blankFrom {
        if (column..<end).contains(where: { old[row, $0] != .blank }) {
          move(row, column)
          become(.plain)
          send("\u{1B}[K")
        }
        return
      }
      if differs(row, column, grid, old) {
        move(row, column)
        put(grid[row, column], columns: grid.columns)
      }
      column += grid[row, column].isWide ? 2 : 1
    }
  }

  private func differs(_ row: Int, _ column: Int, _ grid: Grid, _ old: Grid) -> Bool {
    if grid[row, column] != old[row, column] { return true }
    return grid[row, column].isWide && grid[row, column + 1] != old[row, column + 1]
  }

  /// From which column on a row is empty.
  private static func trailingBlanks(_ row: ArraySlice<Cell>) -> Int {
    var count = row.count
    for cell in row.reversed() {
      guard cell == .blank else { break }
      count -= 1
    }
    return count
  }

  private mutating func move(_ row: Int, _ column: Int) {
    if let cursor, cursor == (row, column) { return }
    if let cursor, cursor.row == row, column > cursor.column {
      let count = column - cursor.column
      send(count == 1 ? "\u{1B}[C" : "\u{1B}[\(count)C")
    } else if let cursor, column == 0, row == cursor.row + 1 {
      send("\r\n")
    } else {
      send(column == 0 ? "\u{1B}[\(row + 1)H" : "\u{1B}[\(row + 1);\(column + 1)H")
    }
    cursor = (row, column)
  }

  private mutating func put(_ cell: Cell, columns: Int) {
    become(cell.style)
    append(cell.scalar)
    if let mark = cell.mark { append(mark) }
    guard let (row, column) = cursor else { return }
    let next = column + (cell.isWide ? 2 : 1)
    // After the last column, and after what terminals measure differently, nothing is taken for granted.
    cursor = next >= columns || cell.isUncertain ? nil : (row, next)
  }

  private mutating func become(_ wanted: CellStyle) {
    guard wanted != style else { return }
    let old = style.parameters(usesColour: terminal.usesColour)
    let new = wanted.parameters(usesColour: terminal.usesColour)
    style = wanted
    guard old != new else { return }
    let isMore = old.allSatisfy(new.contains)
    let parameters = isMore ? new.filter { !old.contains($0) } : (new.isEmpty ? [] : [0] + new)
    send("\u{1B}[" + parameters.map(String.init).joined(separator: ";") + "m")
  }

  private mutating func append(_ scalar: Unicode.Scalar) {
    bytes.append(
      contentsOf: UTF8.encode(terminal.fitting(scalar)) ?? UTF8.encode("?") ?? UTF8.encodedReplacementCharacter)
  }

  mutating func send(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
