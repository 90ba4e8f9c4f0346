/// HKDF (RFC 5869) with SHA-256: several keys from one secret.
package enum HKDF {
  /// RFC 5869 section 2.3: at most 255 blocks.
  private static let maximumByteCount = 255 * 32

  package static func sha256(
    key: [UInt8], salt: [UInt8] = [], info: [UInt8] = [], byteCount: Int
  ) -> [UInt8] {
    precondition(byteCount <= maximumByteCount, "HKDF gives at most \(maximumByteCount) bytes")
    let extracted = HMACKey(.sha256, key: HMAC.sha256(key: salt, key))
    var output: [UInt8] = []
    var block: [UInt8] = []
    var counter: UInt8 = 1
    while output.count < byteCount {
      block = extracted.tag(block + info + [counter])
      output += block
      counter &+= 1
    }
    return Array(output.prefix(byteCount))
  }

  package static func sha256(key: [UInt8], info: String, byteCount: Int = 32) -> [UInt8] {
    sha256(key: key, salt: [], info: Array(info.utf8), byteCount: byteCount)
  }
}
