import CCrypt

#if canImport(Glibc)
  import Glibc
#endif

/// Password hashes, checked by the system's libcrypt. Slow on purpose: never call it on an event loop.
enum Bcrypt {
  /// Whether `password` is the one `hash` was made from.
  static func verifies(_ password: String, hash: String) -> Bool {
    guard !password.utf8.contains(0), isHash(hash), let made = crypt(password, setting: hash) else { return false }
    let expected = Array(hash.utf8)
    guard made.count == expected.count else { return false }
    var difference: UInt8 = 0
    for (left, right) in zip(made, expected) { difference |= left ^ right }
    return difference == 0
  }

  /// Whether the text has the form of a bcrypt hash.
  static func isHash(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 60 else { return false }
    return ["$2a$", "$2b$", "$2y$"].contains { text.hasPrefix($0) }
      && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
  }

  /// A hash nobody has the password of: checking it for unknown users takes as long as for known ones.
  static let ofNobody = "$2b$10$BZ4yhve7tMejwh.aqR/wJuqdIp7hJRvS3em4OoTh8r0.jPGNFB/1y"

  private static func crypt(_ password: String, setting: String) -> [UInt8]? {
    let size = MemoryLayout<crypt_data>.size
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    defer {
      // The password's expansion lies in here.
      unsafe explicit_bzero(scratch, size)
      unsafe scratch.deallocate()
    }
    guard let text = unsafe crypt_rn(password, setting, scratch, Int32(size)) else { return nil }
    return unsafe Array(String(cString: text).utf8)
  }
}
