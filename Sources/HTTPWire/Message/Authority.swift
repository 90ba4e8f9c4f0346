/// A host and perhaps a port, as a Host field or an absolute target names them.
package struct Authority: Sendable, Hashable {
  /// In lower case; an IPv6 address with its brackets.
  package var host: String
  package var port: Int?

  package init(host: String, port: Int? = nil) {
    self.host = host
    self.port = port
  }

  /// Reads `uri-host [ ":" port ]` (RFC 9110 section 7.2); anything else is refused, user information first of all.
  package init?(_ bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty, bytes.count <= 255 + 6 else { return nil }
    var host: [UInt8] = []
    host.reserveCapacity(bytes.count)
    var index = bytes.startIndex
    let isBracketed = bytes[index] == 0x5B
    while index < bytes.endIndex {
      let byte = ByteClass.lowercased(bytes[index])
      if isBracketed {
        guard host.isEmpty || ByteClass.hexDigit(byte) != nil || byte == 0x3A || byte == 0x2E || byte == 0x5D else {
          return nil
        }
        host.append(byte)
        index = bytes.index(after: index)
        if byte == 0x5D { break }
      } else {
        if byte == ByteClass.colon { break }
        let isNameByte =
          (byte >= 0x61 && byte <= 0x7A) || ByteClass.digit(byte) != nil || byte == 0x2D || byte == 0x2E || byte == 0x5F
        guard isNameByte else { return nil }
        host.append(byte)
        index = bytes.index(after: index)
      }
    }
    guard !host.isEmpty, !isBracketed || (host.count > 3 && host.last == 0x5D) else { return nil }
    self.host = String(decoding: host, as: UTF8.self)
    guard index < bytes.endIndex else {
      port = nil
      return
    }
    guard bytes[index] == ByteClass.colon else { return nil }
    var number = 0
    let digits = bytes[bytes.index(after: index)...]
    guard !digits.isEmpty, digits.count <= 5 else { return nil }
    for byte in digits {
      guard let digit = ByteClass.digit(byte) else { return nil }
      number = number * 10 + Int(digit)
    }
    guard number > 0, number <= 65535 else { return nil }
    port = number
  }

  package var text: String { port.map { "\(host):\($0)" } ?? host }
}
