/// One line of an `authorized_keys` file, of which a policy needs the key only.
struct AuthorizedKey {
  var blob: [UInt8]

  /// `[options] type base64 [comment]`. The type written must be the type inside the blob.
  init?(line: String) {
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
    guard let place = words.indices.first(where: { Self.isKeyType(words[$0]) }), place + 1 < words.count,
      let blob = base64(words[place + 1].utf8), Self.typeName(of: blob) == Array(words[place].utf8)
    else { return nil }
    self.blob = blob
  }

  private static func isKeyType(_ word: Substring) -> Bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].contains { word.hasPrefix($0) }
  }

  private static func typeName(of blob: [UInt8]) -> [UInt8]? {
    guard blob.count > 4 else { return nil }
    let length = blob[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard length > 0, length < blob.count - 4 else { return nil }
    return Array(blob[4..<(4 + length)])
  }
}

/// Standard base64; padding may be missing, anything else is refused.
private func base64(_ text: Substring.UTF8View) -> [UInt8]? {
  let digits = text.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
  guard text.count - digits.count <= 2, digits.count % 4 != 1 else { return nil }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count * 3 / 4)
  var pending: UInt32 = 0
  var pendingBits = 0
  for byte in digits {
    let digit: UInt8
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): digit = 62
    case UInt8(ascii: "/"): digit = 63
    default: return nil
    }
    pending = (pending << 6 | UInt32(digit)) & 0xffff
    pendingBits += 6
    if pendingBits >= 8 {
      pendingBits -= 8
      bytes.append(UInt8(pending >> UInt32(pendingBits) & 0xff))
    }
  }
  return bytes
}
