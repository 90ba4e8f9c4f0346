/// The addresses and their states, in one line each where both fit, else in two.
struct TunnelList {
  struct Line {
    var mark: String
    var markStyle: CellStyle
    var url: String
    var state: String
    var stateColumn: Int
  }

  private(set) var lines: [Line] = []
  private let columns: Int
  private static let urlColumn = 3

  init(_ model: ScreenModel, columns: Int) {
    self.columns = columns
    let widest = model.tunnels.map { Grid.width($0.url) }.max() ?? 0
    if model.tunnels.isEmpty {
      lines = [Line(mark: "", markStyle: .plain, url: "", state: "Nothing is published.", stateColumn: Self.urlColumn)]
    }
    for tunnel in model.tunnels {
      let (mark, style) = Self.mark(tunnel.state)
      let stateColumn = Self.urlColumn + widest + 3
      if stateColumn + Grid.width(tunnel.stateText) < columns {
        lines.append(
          Line(mark: mark, markStyle: style, url: tunnel.url, state: tunnel.stateText, stateColumn: stateColumn))
      } else {
        lines.append(Line(mark: mark, markStyle: style, url: tunnel.url, state: "", stateColumn: 0))
        lines.append(
          Line(mark: "", markStyle: style, url: "", state: tunnel.stateText, stateColumn: Self.urlColumn + 2))
      }
    }
  }

  private static func mark(_ state: ScreenModel.Tunnel.State) -> (String, CellStyle) {
    switch state {
    case .published: ("•", CellStyle(ink: .green, isBold: true))
    case .failing: ("!", CellStyle(ink: .red, isBold: true))
    case .detached: ("○", CellStyle(ink: .magenta, isBold: true))
    }
  }

  func draw(on grid: inout Grid, rows: Range<Int>) {
    let isCut = lines.count > rows.count
    for (row, line) in zip(rows, lines) {
      if isCut, row == rows.upperBound - 1, rows.count > 1 {
        let rest = lines[(rows.count - 1)...].count { !$0.url.isEmpty }
        if rest > 0 {
          grid.write("and \(rest) more", row: row, column: Self.urlColumn, width: columns - 4, .dim)
          continue
        }
      }
      grid.write(line.mark, row: row, column: 1, line.markStyle)
      grid.write(line.url, row: row, column: Self.urlColumn, width: columns - Self.urlColumn, .bold)
      if !line.state.isEmpty {
        grid.write(
          line.state, row: row, column: line.stateColumn, width: columns - line.stateColumn,
          // Green words cannot be read on white.
          line.markStyle.ink == .green ? .plain : CellStyle(ink: line.markStyle.ink))
      }
    }
  }
}
