/// A QR code (ISO/IEC 18004): byte mode, error correction L or M, versions 1 to 10, which is up to 271 bytes.
struct QRCode: Equatable {
  enum ErrorCorrection {
    /// Reads with 7 % of it lost.
    case low
    /// Reads with 15 % of it lost.
    case medium
  }

  /// 1 to 10; a version more is four modules more.
  let version: Int
  /// 0 to 7.
  let mask: Int
  let matrix: QRMatrix

  /// Modules in a row.
  var size: Int { matrix.size }

  /// The smallest code for these bytes with the mask that reads best. `nil` when they do not fit.
  init?(_ text: String, _ level: ErrorCorrection) {
    guard let drawn = Self.unmasked(text, level) else { return nil }
    var best: (penalty: Int, mask: Int, matrix: QRMatrix)?
    for mask in 0..<8 {
      let matrix = drawn.matrix.masked(mask, level)
      let penalty = matrix.penalty
      if best.map({ penalty < $0.penalty }) ?? true { best = (penalty, mask, matrix) }
    }
    guard let best else { return nil }
    version = drawn.version
    mask = best.mask
    matrix = best.matrix
  }

  /// With a mask that the caller chose.
  init?(_ text: String, _ level: ErrorCorrection, mask: Int) {
    guard (0..<8).contains(mask), let drawn = Self.unmasked(text, level) else { return nil }
    version = drawn.version
    self.mask = mask
    matrix = drawn.matrix.masked(mask, level)
  }

  private static func unmasked(_ text: String, _ level: ErrorCorrection) -> (version: Int, matrix: QRMatrix)? {
    let bytes = Array(text.utf8)
    guard let layout = QRLayout.all.first(where: { $0.capacity(level) >= bytes.count }) else { return nil }
    var matrix = QRMatrix(layout)
    matrix.place(layout.codewords(bytes, level))
    return (layout.version, matrix)
  }

  /// Whether the module is dark. Outside of the code everything is light.
  func isDark(row: Int, column: Int) -> Bool { matrix.isDark(row, column) }
}
