/// Finds where a head ends, without reading the same bytes twice however slowly they come.
struct HeadScanner {
  private var scanned = 0
  private var lineStart = 0
  private var lines = 0

  /// How long the head is, its empty line included; `nil` while that line has not come.
  mutating func headLength(in bytes: Span<UInt8>, limits: HeadLimits) throws(WireError) -> Int? {
    let count = bytes.count
    // The usual case: one read brought one whole head and nothing else. Reading the fields will find its end.
    if scanned == 0, count >= 4, count <= limits.headLength, bytes[count - 1] == ByteClass.lineFeed,
      bytes[count - 2] == ByteClass.carriageReturn, bytes[count - 3] == ByteClass.lineFeed,
      bytes[count - 4] == ByteClass.carriageReturn
    {
      return count
    }
    let end = min(count, limits.headLength)
    while scanned < end {
      if bytes[scanned] == ByteClass.lineFeed {
        guard scanned > lineStart, bytes[scanned - 1] == ByteClass.carriageReturn else {
          throw .malformed("line ends with LF alone")
        }
        scanned += 1
        if scanned - lineStart == 2 { return scanned }
        lineStart = scanned
        lines += 1
      } else {
        scanned += 1
      }
    }
    if lines == 0, scanned > limits.targetLength + 64 { throw .targetTooLong }
    if lines > limits.fieldCount + 1 || count >= limits.headLength { throw .headTooLarge }
    return nil
  }
}
