/// Standard base64; padding may be missing, anything else is refused.
package func decodeBase64(_ text: some StringProtocol) -> [UInt8]? {
  let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
  guard text.utf8.count - digits.count <= 2, digits.count % 4 != 1 else { return nil }
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
