import HTTPWire
import NIOCore

/// A look at bytes that make no head, so that whoever sent them is answered in their own form. Nothing else rests on it.
enum HeadGlance {
  private static let name = Array("accept:".utf8)
  private static let wanted = Array("text/html".utf8)

  /// Whether a line says that HTML is welcome; also of what has been read already.
  static func welcomesHTML(_ bytes: ByteBuffer) -> Bool {
    var all = bytes
    all.moveReaderIndex(to: 0)
    return all.readableBytesView.split(separator: ByteClass.lineFeed).contains { line in
      guard line.count > name.count, zip(name, line).allSatisfy({ $0 == ByteClass.lowercased($1) }) else {
        return false
      }
      // Lines of any length may come: what a browser accepts stands in the first few hundred bytes.
      var rest = line.dropFirst(name.count).prefix(512)
      while rest.count >= wanted.count {
        if zip(wanted, rest).allSatisfy({ $0 == ByteClass.lowercased($1) }) { return true }
        rest = rest.dropFirst()
      }
      return false
    }
  }
}
