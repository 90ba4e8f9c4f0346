@testable import SSHServer

/// A terminal as strict as the strictest: knows the few sequences that screens may use, and stops at any other.
struct TerminalModel {
  let columns: Int
  let rows: Int
  private(set) var lines: [[Cell]]
  private(set) var isAlternate = false
  private(set) var hasCursor = true
  private(set) var marksPastes = false
  private(set) var unknown: [String] = []
  private var style: [Int] = []
  private var row = 0
  private var column = 0
  /// After the last column the next sign would wrap.
  private(set) var wrapped = 0

  struct Cell: Equatable {
    var text = " "
    var style: [Int] = []
  }

  init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
    lines = Array(repeating: Array(repeating: Cell(), count: columns), count: rows)
  }

  var text: [String] {
    lines.map { line in
      var text = line.map(\.text).joined()
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  mutating func feed(_ bytes: [UInt8]) {
    var rest = Substring(String(decoding: bytes, as: UTF8.self)).unicodeScalars
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\u{1B}":
        guard rest.popFirst() == "[" else {
          unknown.append("ESC")
          continue
        }
        var parameters = ""
        while let next = rest.popFirst() {
          if next.value >= 0x40 {
            sequence(next, parameters)
            break
          }
          parameters.unicodeScalars.append(next)
        }
      case "\r": column = 0
      case "\n": if row + 1 < rows { row += 1 } else { unknown.append("scroll") }
      default: put(scalar)
      }
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    if case .mark = CharacterWidth.kind(of: scalar) {
      if column > 0 { lines[row][column - 1].text.unicodeScalars.append(scalar) }
      return
    }
    let width = CharacterWidth.kind(of: scalar) == .wide ? 2 : 1
    guard column + width <= columns else {
      wrapped += 1
      return
    }
    lines[row][column] = Cell(text: String(scalar), style: style)
    if width == 2 { lines[row][column + 1] = Cell(text: "", style: style) }
    column += width
  }

  private mutating func sequence(_ final: Unicode.Scalar, _ parameters: String) {
    let numbers = parameters.split(separator: ";").compactMap { Int($0) }
    switch (final, parameters) {
    case ("H", _):
      row = min(max((numbers.first ?? 1) - 1, 0), rows - 1)
      column = min(max((numbers.count > 1 ? numbers[1] : 1) - 1, 0), columns - 1)
    case ("C", _): column = min(columns - 1, column + (numbers.first ?? 1))
    case ("K", ""): for index in min(column, columns)..<columns { lines[row][index] = Cell() }
    case ("J", "2"): lines = Array(repeating: Array(repeating: Cell(), count: columns), count: rows)
    case ("m", _):
      for number in numbers.isEmpty ? [0] : numbers {
        if number == 0 { style = [] } else { style.append(number) }
      }
    case ("h", "?1049"), ("l", "?1049"):
      isAlternate = final == "h"
      row = 0
      column = 0
    case ("h", "?25"), ("l", "?25"): hasCursor = final == "h"
    case ("h", "?2004"), ("l", "?2004"): marksPastes = final == "h"
    default: unknown.append("\(parameters)\(final)")
    }
  }
}
