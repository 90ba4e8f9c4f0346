/// The QR code of the chosen address, with its quiet zone: a module is two cells where there is room, half a cell else.
struct QRPanel {
  let terminal: TerminalKind

  /// Light modules around the code. Four are the standard; where room is short, two are read as well by all that we know.
  private static let attempts: [(level: QRCode.ErrorCorrection, quiet: Int)] = [
    (.medium, 4), (.low, 4), (.medium, 2), (.low, 2),
  ]
  /// Room that a text beside the code needs.
  private static let textWidth = 24

  func draw(_ model: ScreenModel, _ view: ScreenView, on grid: inout Grid, header: Bool, keys: Bool) {
    let top = header ? 1 : 0
    let rows = top..<max(top, grid.rows - (keys ? 1 : 0))
    guard let tunnel = Self.chosen(model, view) else {
      grid.write("Nothing is published.", row: top, column: 1, width: grid.columns - 2)
      return
    }
    if tunnel.url.contains("*") {
      grid.write(tunnel.url, row: top, column: 1, width: grid.columns - 2, .bold)
      grid.write("stands for many names; none of them alone.", row: top + 1, column: 1, width: grid.columns - 2)
      return
    }
    guard let placed = fitting(tunnel.url, rows: rows.count, columns: grid.columns) else {
      drawTooSmall(tunnel.url, on: &grid, row: top)
      return
    }
    let box = placed.box
    // Beside its text, or in the middle.
    let hasText = grid.columns - box.columns >= Self.textWidth + 2
    let left = hasText ? min(2, grid.columns - box.columns) : (grid.columns - box.columns) / 2
    let first = rows.lowerBound + min(1, (rows.count - box.rows) / 2)
    draw(placed, view, on: &grid, row: first, column: left)
    if hasText { drawText(model, view, tunnel, on: &grid, row: first + 2, column: left + box.columns + 3) }
  }

  static func chosen(_ model: ScreenModel, _ view: ScreenView) -> ScreenModel.Tunnel? {
    guard !model.tunnels.isEmpty else { return nil }
    return model.tunnels[view.chosenTunnel % model.tunnels.count]
  }

  /// A code with its quiet zone, in modules of two cells or of half a cell.
  private struct Placed {
    let code: QRCode
    let quiet: Int
    let isLarge: Bool

    var box: (rows: Int, columns: Int) {
      let side = code.size + 2 * quiet
      return isLarge ? (side, side * 2) : ((side + 1) / 2, side)
    }
  }

  private func fitting(_ text: String, rows: Int, columns: Int) -> Placed? {
    for (level, quiet) in Self.attempts {
      guard let code = QRCode(text, level) else { continue }
      for isLarge in terminal.usesUnicode ? [true, false] : [true] {
        let placed = Placed(code: code, quiet: quiet, isLarge: isLarge)
        // The last place of the screen is never written.
        if placed.box.rows <= rows, placed.box.columns < columns { return placed }
      }
    }
    return nil
  }

  private func drawTooSmall(_ url: String, on grid: inout Grid, row: Int) {
    grid.write(url, row: row, column: 1, width: grid.columns - 2, .bold)
    guard let code = QRCode(url, .low) else {
      grid.write("This address is too long for a QR code.", row: row + 1, column: 1, width: grid.columns - 2)
      return
    }
    let box = Placed(code: code, quiet: 2, isLarge: !terminal.usesUnicode).box
    grid.write(
      "Its QR code needs a window of \(box.columns + 1)×\(box.rows + 2).", row: row + 1, column: 1,
      width: grid.columns - 2)
  }

  private func draw(_ placed: Placed, _ view: ScreenView, on grid: inout Grid, row first: Int, column left: Int) {
    // Without colours the terminal's background is taken for dark; `i` is for where it is light.
    let paper = CellStyle(ink: .paper, isReversed: view.isCodeInverted == terminal.usesColour)
    let ink = CellStyle(ink: .paper, isReversed: !paper.isReversed)
    let (code, quiet, box) = (placed.code, placed.quiet, placed.box)
    for row in 0..<box.rows {
      for column in 0..<box.columns {
        var cell = Cell(style: paper)
        if placed.isLarge {
          if code.isDark(row: row - quiet, column: column / 2 - quiet) { cell.style = ink }
        } else {
          let upper = code.isDark(row: row * 2 - quiet, column: column - quiet)
          let lower = code.isDark(row: row * 2 + 1 - quiet, column: column - quiet)
          cell.scalar = upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ")
        }
        grid[first + row, left + column] = cell
      }
    }
  }

  private func drawText(
    _ model: ScreenModel, _ view: ScreenView, _ tunnel: ScreenModel.Tunnel, on grid: inout Grid, row: Int, column: Int
  ) {
    let width = grid.columns - column - 1
    var row = row
    for line in Self.pieces(tunnel.url, width) {
      grid.write(line, row: row, column: column, width: width, .bold)
      row += 1
    }
    row += 1
    var lines = HelpPanel.wrapped(tunnel.stateText, width)
    if model.tunnels.count > 1 {
      lines += ["", "Address \(view.chosenTunnel % model.tunnels.count + 1) of \(model.tunnels.count)"]
    }
    lines += [""] + HelpPanel.wrapped("Whoever opens it signs in, unless the route is public.", width)
    if !terminal.usesColour {
      lines += [""] + HelpPanel.wrapped("If your terminal is light, press i.", width)
    }
    for line in lines {
      grid.write(line, row: row, column: column, width: width, .dim)
      row += 1
    }
  }

  /// An address has no blanks to break it at.
  private static func pieces(_ text: String, _ width: Int) -> [String] {
    var rest = Substring(text)
    var result: [String] = []
    while !rest.isEmpty {
      result.append(String(rest.prefix(max(width, 1))))
      rest = rest.dropFirst(max(width, 1))
    }
    return result
  }
}
