/// One place on the screen.
struct Cell: Equatable {
  var scalar: Unicode.Scalar = " "
  /// A combining mark above or below it; more than one are not drawn.
  var mark: Unicode.Scalar?
  var style = CellStyle.plain
  /// It takes this place and the next.
  var isWide = false
  /// The right half of a wide one.
  var isCovered = false

  static let blank = Cell()

  /// Terminals might not agree on where the cursor is after it.
  var isUncertain: Bool { isWide || mark != nil }
}

/// What a screen shows: rows of cells. Writing beside it does nothing.
struct Grid: Equatable {
  let columns: Int
  let rows: Int
  private(set) var cells: [Cell]

  init(columns: Int, rows: Int) {
    self.columns = max(columns, 1)
    self.rows = max(rows, 1)
    cells = Array(repeating: .blank, count: self.columns * self.rows)
  }

  func row(_ row: Int) -> ArraySlice<Cell> {
    guard (0..<rows).contains(row) else { return [] }
    return cells[row * columns..<(row + 1) * columns]
  }

  subscript(row: Int, column: Int) -> Cell {
    get {
      guard (0..<rows).contains(row), (0..<columns).contains(column) else { return .blank }
      return cells[row * columns + column]
    }
    set {
      guard (0..<rows).contains(row), (0..<columns).contains(column) else { return }
      cells[row * columns + column] = newValue
    }
  }

  /// Gives a row one style from end to end.
  mutating func fill(row: Int, _ style: CellStyle) {
    for column in 0..<columns { self[row, column].style = style }
  }

  /// Writes text that is cut at `width` places with `cut` as its last sign; the answer is how many places it took.
  @discardableResult
  mutating func write(
    _ text: String, row: Int, column: Int, width: Int = .max, _ style: CellStyle = .plain, cut: Unicode.Scalar = "…"
  ) -> Int {
    let room = min(width, columns - column)
    guard room > 0, row >= 0, row < rows, column >= 0 else { return 0 }
    let pieces = Self.pieces(text, limit: room)
    var used = 0
    for piece in pieces.cells {
      var cell = piece
      cell.style = style
      self[row, column + used] = cell
      used += 1
    }
    if pieces.isCut {
      // The last sign gives way to the mark of the cut; half a wide character would be left otherwise.
      let last = room - 1
      if self[row, column + last].isCovered { self[row, column + last - 1] = Cell(style: style) }
      self[row, column + last] = Cell(scalar: cut, style: style)
      used = room
    }
    return used
  }

  private static func pieces(_ text: String, limit: Int) -> (cells: [Cell], isCut: Bool) {
    var cells: [Cell] = []
    for scalar in text.unicodeScalars {
      var drawn = scalar
      var isWide = false
      switch CharacterWidth.kind(of: scalar) {
      case .narrow: break
      case .wide: isWide = true
      case .mark:
        if let last = cells.indices.last, !cells[last].isCovered, cells[last].mark == nil { cells[last].mark = scalar }
        continue
      case .replaced(let other):
        guard let other else { continue }
        drawn = other
      }
      guard cells.count + (isWide ? 2 : 1) <= limit else {
        while cells.count < limit { cells.append(.blank) }
        return (cells, true)
      }
      cells.append(Cell(scalar: drawn, isWide: isWide))
      if isWide { cells.append(Cell(isCovered: true)) }
    }
    return (cells, false)
  }

  /// How many places a text takes.
  static func width(_ text: String) -> Int { pieces(text, limit: .max).cells.count }

  /// The signs without their styles, for people and tests.
  var lines: [String] {
    (0..<rows).map { number in
      var line = String.UnicodeScalarView()
      for cell in row(number) where !cell.isCovered {
        line.append(cell.scalar)
        if let mark = cell.mark { line.append(mark) }
      }
      var text = String(line)
      while text.last == " " { text.removeLast() }
      return text
    }
  }
}
