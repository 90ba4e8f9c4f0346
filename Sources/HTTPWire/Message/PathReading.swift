/// A path as services read it before they look for what to serve: escapes decoded, runs of slashes taken for one, parameters
/// of segments (`;…`) left out. Not every service does all of it; where a rule about paths would decide otherwise on this
/// reading than on the bytes that are forwarded, nobody knows which of both is meant.
package enum PathReading {
  /// `nil` where it reads just as it is written. Once, not again and again: what is encoded twice is `PathShape.isAmbiguous`.
  package static func loose(_ path: String) -> String? {
    let bytes = Array(path.utf8)
    guard isSuspicious(bytes) else { return nil }
    var read: [UInt8] = []
    read.reserveCapacity(bytes.count)
    var isInParameter = false
    var index = 0
    while index < bytes.count {
      var byte = bytes[index]
      index += 1
      if byte == 0x25, index + 1 < bytes.count, let high = ByteClass.hexDigit(bytes[index]),
        let low = ByteClass.hexDigit(bytes[index + 1])
      {
        byte = high << 4 | low
        index += 2
      }
      if byte == ByteClass.slash {
        isInParameter = false
        if read.last == ByteClass.slash { continue }
      } else if byte == 0x3B {
        isInParameter = true
      }
      if !isInParameter { read.append(byte) }
    }
    return read == bytes ? nil : String(decoding: read, as: UTF8.self)
  }

  private static func isSuspicious(_ path: [UInt8]) -> Bool {
    var previous: UInt8 = 0
    for byte in path {
      if byte == 0x25 || byte == 0x3B || (byte == ByteClass.slash && previous == ByteClass.slash) { return true }
      previous = byte
    }
    return false
  }
}
