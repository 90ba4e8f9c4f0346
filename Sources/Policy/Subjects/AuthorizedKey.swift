/// One line of an `authorized_keys` file, of which a policy needs the key only.
package struct AuthorizedKey {
  /// As on the wire; of a certificate the whole of it.
  package var blob: [UInt8]
  /// Whether it is a certificate. Logins are known by the key inside, so that nobody's key is ever equal to one.
  package var isCertificate: Bool
  /// Whether `sshd`'s options stand before it (`from=…`, `verify-required`, …): restrictions that nobody here holds it to.
  package var hasOptions: Bool

  /// `[options] type base64 [comment]`. The type written must be the type inside the blob.
  package init?(line: String) {
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
    guard let place = words.indices.first(where: { Self.isKeyType(words[$0]) }), place + 1 < words.count,
      let blob = decodeBase64(words[place + 1]), Self.typeName(of: blob) == Array(words[place].utf8)
    else { return nil }
    self.blob = blob
    isCertificate = words[place].hasSuffix("-cert-v01@openssh.com")
    hasOptions = place > words.startIndex
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
