internal import COpenSSL

extension PrivateKey {
  /// A key file: "OPENSSH PRIVATE KEY", "PRIVATE KEY" (PKCS#8), "EC PRIVATE KEY", "RSA PRIVATE KEY"; or base64 of one, as
  /// environment variables carry it. Encrypted ones are refused with `.encryptedKey`.
  package convenience init(text: String) throws(CryptoError) {
    var text = text
    if !text.contains("-----BEGIN "), let decoded = Base64.decodeLenient(text) {
      text = String(decoding: decoded, as: UTF8.self)
    }
    let blocks = PEMBlock.all(in: text)
    if blocks.contains(where: { $0.label == "ENCRYPTED PRIVATE KEY" }) || text.contains("Proc-Type: 4,ENCRYPTED") {
      throw CryptoError(.encryptedKey, "The private key needs a passphrase; keys here are stored without one.")
    }
    if let block = blocks.first(where: { $0.label == "OPENSSH PRIVATE KEY" }) {
      let file = try OpenSSHKeyFile(block.bytes)
      try self.init(handle: file.handle, comment: file.comment)
      return
    }
    guard let block = blocks.first(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
      throw CryptoError(.malformed, "There is no private key in PEM form in this text.")
    }
    ErrorQueue.clear()
    let memory = try MemoryBIO(Array(block.text.utf8))
    guard let key = unsafe PEM_read_bio_PrivateKey(memory.pointer, nil, { _, _, _, _ in -1 }, nil) else {
      throw .library("the private key is damaged", .malformed)
    }
    try self.init(handle: unsafe KeyHandle(key))
    // OpenSSL takes both halves as they stand; such a key would sign what its own public half refuses.
    guard handle.isConsistent() else {
      throw CryptoError(.keyMismatch, "The halves of the private key do not belong together.")
    }
  }

  package func pkcs8PEM() throws(CryptoError) -> String {
    ErrorQueue.clear()
    let memory = try MemoryBIO([])
    try check(
      unsafe PEM_write_bio_PKCS8PrivateKey(memory.pointer, handle.pointer, nil, nil, 0, nil, nil),
      "cannot write the private key")
    return memory.text
  }

  /// The file that `ssh-keygen` writes without a passphrase.
  package func openSSHPEM(comment: String = "") throws(CryptoError) -> String {
    PEMBlock(label: "OPENSSH PRIVATE KEY", bytes: try OpenSSHKeyFile.bytes(of: self, comment: comment))
      .text(lineLength: 70)
  }
}
