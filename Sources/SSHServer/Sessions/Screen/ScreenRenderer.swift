import Policy
import Routing

/// Draws a model, as somebody looks at it, into a grid of the terminal's size. Knows nothing of bytes or time.
struct ScreenRenderer {
  let terminal: TerminalKind
  let columns: Int
  let rows: Int

  /// Of a larger terminal the rest stays empty: a screen is not worth more memory than this.
  static let mostColumns = 320
  static let mostRows = 120

  init(terminal: TerminalKind, columns: Int, rows: Int) {
    self.terminal = terminal
    self.columns = min(max(columns, 1), Self.mostColumns)
    self.rows = min(max(rows, 1), Self.mostRows)
  }

  func draw(_ model: ScreenModel, _ view: ScreenView) -> Grid {
    var grid = Grid(columns: columns, rows: rows)
    switch view.panel {
    case .requests: drawRequests(model, view, &grid)
    case .code: QRPanel(terminal: terminal).draw(model, view, on: &grid, header: rows >= 4, keys: rows >= 3)
    case .help: HelpPanel.draw(model, on: &grid)
    }
    if view.panel != .requests || rows >= 4 { drawHeader(model, &grid) }
    if rows >= 3 { drawKeys(view, &grid) }
    return grid
  }

  /// How many requests are visible at once.
  func visibleRequests(_ model: ScreenModel) -> Int { max(1, sections(model).list.count) }

  // MARK: Header and keys

  private func drawHeader(_ model: ScreenModel, _ grid: inout Grid) {
    grid.fill(row: 0, .bar)
    let name = " TunnelEdge"
    let until = " until \(CalendarTime(model.until)) "
    let room = columns - Grid.width(name) - 2
    let full = Grid.width(model.person) + Grid.width(until)
    let right = full <= room ? model.person + until : model.person + " "
    grid.write(name, row: 0, column: 0, CellStyle(isBold: true, isReversed: true))
    let width = min(Grid.width(right), max(0, room))
    grid.write(right, row: 0, column: columns - width, width: width, .bar)
  }

  private static func keys(_ view: ScreenView) -> [(key: String, does: String)] {
    switch view.panel {
    case .requests where view.isEditingFilter: [("Enter", "keep"), ("Esc", "drop")]
    case .requests:
      [
        ("q", "quit"), ("Q", "QR code"), ("?", "help"), ("↑↓", "scroll"), ("p", view.paused == nil ? "pause" : "go on"),
        ("/", "filter"), ("c", "clear"),
      ]
    case .code: [("Q", "back"), ("q", "quit"), ("Tab", "next address"), ("i", "invert")]
    case .help: [("?", "back"), ("q", "quit")]
    }
  }

  private func drawKeys(_ view: ScreenView, _ grid: inout Grid) {
    var column = 1
    for (key, does) in Self.keys(view) {
      let width = Grid.width(key) + 1 + Grid.width(does)
      // The last place of the screen stays empty.
      guard column + width < columns else { break }
      column += grid.write(key, row: rows - 1, column: column, .bold) + 1
      column += grid.write(does, row: rows - 1, column: column) + 3
    }
  }

  // MARK: Requests

  /// Which rows hold what.
  private struct Sections {
    var tunnels = 0..<0
    var notices = 0..<0
    var totals: Int?
    var titles: Int?
    var list = 0..<0
    var foot: Int?
  }

  private func sections(_ model: ScreenModel) -> Sections {
    var result = Sections()
    var row = rows >= 4 ? 1 : 0
    let bottom = rows - (rows >= 3 ? 1 : 0)
    if rows >= 16 { row += 1 }
    let most = max(1, (rows - 7) / 2)
    let tunnels = min(TunnelList(model, columns: columns).lines.count, most)
    result.tunnels = row..<min(row + tunnels, bottom)
    row = result.tunnels.upperBound
    if rows >= 30, !(model.notices + model.hints).isEmpty { row += 1 }
    let messages = rows >= 8 ? min((model.notices + model.hints).count, max(1, rows / 8)) : 0
    result.notices = row..<min(row + messages, bottom)
    row = result.notices.upperBound
    if rows >= 16 { row += 1 }
    if rows >= 7 {
      result.totals = row
      row += 1
    }
    if rows >= 16 { row += 1 }
    if rows >= 9 {
      result.titles = row
      row += 1
    }
    var end = bottom
    if rows >= 12 {
      end -= 1
      result.foot = end
    }
    if rows >= 20 { end -= 1 }
    result.list = min(row, end)..<end
    return result
  }

  private func drawRequests(_ model: ScreenModel, _ view: ScreenView, _ grid: inout Grid) {
    let sections = sections(model)
    TunnelList(model, columns: columns).draw(on: &grid, rows: sections.tunnels)
    for (row, text) in zip(sections.notices, model.notices + model.hints) {
      let isNotice = (row - sections.notices.lowerBound) < model.notices.count
      grid.write(text, row: row, column: 3, width: columns - 4, isNotice ? CellStyle(ink: .red, isBold: true) : .dim)
    }
    if let totals = sections.totals { drawTotals(model, view, &grid, row: totals) }
    let showsHosts = model.tunnels.count > 1 || model.tunnels.contains { $0.url.contains("*") }
    let table = RequestTable(width: columns, showsHosts: showsHosts)
    if let titles = sections.titles { table.drawTitles(on: &grid, row: titles) }
    let requests = view.requests(in: model)
    let first = view.first(of: requests, rows: sections.list.count)
    for (row, record) in zip(sections.list, requests.dropFirst(first)) {
      table.draw(record, now: model.now, on: &grid, row: row)
    }
    if requests.isEmpty, let row = sections.list.first { drawEmpty(model, view, &grid, row: row) }
    if let foot = sections.foot { drawFoot(model, view, &grid, row: foot, hidden: first) }
  }

  private func drawTotals(_ model: ScreenModel, _ view: ScreenView, _ grid: inout Grid, row: Int) {
    let total = model.traffic.total
    let figures: [(name: String, value: String, isBad: Bool)] = [
      ("Requests", ShortText.count(total.requests), false), ("Errors", ShortText.count(total.errors), total.errors > 0),
      ("Visitors now", "\(model.traffic.visitors)", false), ("Open", "\(model.traffic.running)", false),
      ("In", ShortText.bytes(total.bytesIn), false), ("Out", ShortText.bytes(total.bytesOut), false),
    ]
    var column = 1
    let gap = columns >= 100 ? 4 : 2
    for (name, value, isBad) in figures {
      let width = Grid.width(name) + 1 + Grid.width(value)
      guard column + width <= columns - 1 else { break }
      column += grid.write(name, row: row, column: column, .dim) + 1
      column += grid.write(value, row: row, column: column, isBad ? CellStyle(ink: .red, isBold: true) : .bold) + gap
    }
    let since = "since \(ShortText.clock(model.traffic.since)) UTC"
    let width = Grid.width(since)
    if column + width <= columns - 1 { grid.write(since, row: row, column: columns - 1 - width, .dim) }
  }

  private func drawEmpty(_ model: ScreenModel, _ view: ScreenView, _ grid: inout Grid, row: Int) {
    let text: String =
      if !view.filter.isEmpty {
        "No request matches."
      } else if view.clearedThrough > 0 {
        "Cleared. New requests appear here."
      } else if let url = model.tunnels.first(where: { $0.state == .published })?.url, !url.contains("*") {
        "No requests yet. Open \(url) in a browser."
      } else {
        "No requests yet."
      }
    grid.write(text, row: row, column: 1, width: columns - 2, .dim)
  }

  private func drawFoot(_ model: ScreenModel, _ view: ScreenView, _ grid: inout Grid, row: Int, hidden: Int) {
    if view.isEditingFilter {
      let used = grid.write("/\(view.filter)", row: row, column: 1, width: columns - 3, .bold)
      grid.write(" ", row: row, column: 1 + used, .bar)
      return
    }
    var parts: [String] = []
    if let paused = view.paused {
      let newer = model.traffic.total.requests &- min(paused.total.requests, model.traffic.total.requests)
      parts.append("Paused, \(ShortText.count(newer)) newer.")
    }
    if !view.filter.isEmpty { parts.append("Filter: \(view.filter)") }
    if hidden > 0 { parts.append("\(hidden) above.") }
    if parts.isEmpty {
      grid.write(model.quitText, row: row, column: 1, width: columns - 2, .dim)
    } else {
      grid.write(parts.joined(separator: "  "), row: row, column: 1, width: columns - 2, .bold)
    }
  }
}
