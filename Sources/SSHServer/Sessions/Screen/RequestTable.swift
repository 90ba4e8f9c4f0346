import PlainText
import Policy
import Routing

/// The live requests, one a row: columns that come and go with the width.
struct RequestTable {
  private enum Column {
    case time, visitor, method, host, path, status, took, sent, received, note

    var title: String {
      switch self {
      case .time: "UTC"
      case .visitor: "Visitor"
      case .method: "Method"
      case .host: "Host"
      case .path: "Path"
      case .status: "Status"
      case .took: "Took"
      case .sent: "Sent"
      case .received: "Received"
      case .note: "Note"
      }
    }

    var isNumber: Bool {
      switch self {
      case .status, .took, .sent, .received: true
      case .time, .visitor, .method, .host, .path, .note: false
      }
    }
  }

  private var columns: [(column: Column, start: Int, width: Int)] = []

  /// What fits between the margins of `width` places.
  init(width: Int, showsHosts: Bool) {
    var chosen: [(Column, Int)] = []
    if width >= 56 { chosen.append((.time, 8)) }
    if width >= 72 { chosen.append((.visitor, min(32, max(18, width / 5)))) }
    chosen.append((.method, 7))
    if showsHosts, width >= 110 { chosen.append((.host, min(28, width / 7))) }
    chosen.append((.path, 0))
    chosen.append((.status, width >= 48 ? 6 : 3))
    if width >= 36 { chosen.append((.took, 7)) }
    if width >= 120 { chosen.append((.received, 8)) }
    if width >= 64 { chosen.append((.sent, 7)) }
    if width >= 130 { chosen.append((.note, min(26, width / 6))) }
    let gap = width >= 100 ? 2 : 1
    let margin = 1
    let taken = chosen.reduce(2 * margin + gap * (chosen.count - 1)) { $0 + $1.1 }
    var start = margin
    for (column, fixed) in chosen {
      let place = column == .path ? max(4, width - taken) : fixed
      columns.append((column, start, place))
      start += place + gap
    }
  }

  func drawTitles(on grid: inout Grid, row: Int) {
    for (column, start, width) in columns {
      put(width < Grid.width(column.title) ? "" : column.title, column, start, width, .dim, &grid, row)
    }
  }

  func draw(_ record: TrafficRecord, now: UnixTime, on grid: inout Grid, row: Int) {
    for (column, start, width) in columns {
      let (text, style) = content(column, record, now)
      put(text, column, start, width, style, &grid, row)
    }
  }

  private func put(
    _ text: String, _ column: Column, _ start: Int, _ width: Int, _ style: CellStyle, _ grid: inout Grid, _ row: Int
  ) {
    let indent = column.isNumber ? max(0, width - Grid.width(text)) : 0
    grid.write(text, row: row, column: start + indent, width: width - indent, style)
  }

  private func content(_ column: Column, _ record: TrafficRecord, _ now: UnixTime) -> (String, CellStyle) {
    switch column {
    case .time: return (ShortText.clock(record.startedAt), .dim)
    case .visitor: return (record.visitor, .plain)
    case .method: return (record.method, .plain)
    case .host: return (record.host, .plain)
    case .path: return (record.path, .plain)
    case .status: return status(record)
    case .took: return (ShortText.duration(Self.milliseconds(record, now)), record.ending == nil ? .bold : .plain)
    case .received: return (ShortText.bytes(record.progress.bytesIn), .plain)
    case .sent: return (ShortText.bytes(record.progress.bytesOut), .plain)
    case .note: return (Self.note(record), .dim)
    }
  }

  /// So far, for one that is running.
  private static func milliseconds(_ record: TrafficRecord, _ now: UnixTime) -> Int64 {
    if let ending = record.ending { return ending.durationMilliseconds }
    let (difference, overflow) = now.milliseconds.subtractingReportingOverflow(record.startedAt.milliseconds)
    return overflow ? 0 : max(0, difference)
  }

  private func status(_ record: TrafficRecord) -> (String, CellStyle) {
    let status = record.progress.status
    if record.isError { return (status == 0 ? "err" : "\(status)", CellStyle(ink: .red, isBold: true)) }
    if status == 0 { return (record.ending == nil ? "…" : "left", .dim) }
    if status >= 400 { return ("\(status)", CellStyle(ink: .magenta)) }
    return ("\(status)", .plain)
  }

  static func note(_ record: TrafficRecord) -> String {
    guard let ending = record.ending else { return record.progress.isUpgraded ? "open" : "" }
    switch ending.detail {
    case "via_upstream", "upgrade_finished": return ""
    case "upgrade_closed_by_visitor", "visitor_left": return "the visitor left"
    case "service_refused": return "local service refused"
    case "service_broke", "service_broke_off": return "local service broke off"
    case "service_out_of_resources": return "your ssh has no room for more"
    case "right_ended": return "the right to it ended"
    case "upstream_response_timeout", "route_timeout", "route_idle_timeout": return "took too long"
    default: return ending.detail.split(separator: "_").joined(separator: " ").printable(limit: 64)
    }
  }
}
