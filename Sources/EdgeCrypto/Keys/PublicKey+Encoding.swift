internal import COpenSSL

extension PublicKey {
  /// A SubjectPublicKeyInfo ("PUBLIC KEY"), a PKCS#1 "RSA PUBLIC KEY", or the key of a "CERTIFICATE".
  package convenience init(pem: String) throws(CryptoError) {
    if pem.contains("-----BEGIN CERTIFICATE-----") {
      guard let certificate = try Certificate.chain(pem: pem).first, let key = certificate.publicKey else {
        throw CryptoError(.unsupported, "The certificate's key is of a kind that is not used here.")
      }
      try self.init(key.parts)
      return
    }
    ErrorQueue.clear()
    let memory = try MemoryBIO(Array(pem.utf8))
    if pem.contains("-----BEGIN RSA PUBLIC KEY-----") {
      guard let block = PEMBlock.all(in: pem).first(where: { $0.label == "RSA PUBLIC KEY" }) else {
        throw CryptoError(.malformed, "The PEM text is damaged.")
      }
      var outer = DERReader(block.bytes)
      guard var inner = outer.sequence(), outer.isAtEnd, let n = inner.integer(), let e = inner.integer(), inner.isAtEnd
      else { throw CryptoError(.malformed, "The RSA public key is damaged.") }
      try self.init(.rsa(modulus: n, exponent: e))
      return
    }
    guard let key = unsafe PEM_read_bio_PUBKEY(memory.pointer, nil, { _, _, _, _ in -1 }, nil) else {
      throw .library("this is no public key in PEM form", .malformed)
    }
    try self.init(handle: unsafe KeyHandle(key))
  }

  /// SubjectPublicKeyInfo, DER.
  package func spkiDER() -> [UInt8] {
    let count = unsafe i2d_PUBKEY(handle.pointer, nil)
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      var cursor = buffer.baseAddress
      _ = unsafe i2d_PUBKEY(handle.pointer, &cursor)
    }
    return bytes
  }

  package func spkiPEM() -> String { PEMBlock(label: "PUBLIC KEY", bytes: spkiDER()).text }

  package var spkiSHA256: [UInt8] { Digest.sha256(spkiDER()) }
}

/// Owns a memory `BIO` for PEM text.
@safe final class MemoryBIO {
  let pointer: OpaquePointer

  /// Reads from these bytes.
  init(_ bytes: [UInt8]) throws(CryptoError) {
    guard let pointer = unsafe BIO_new(BIO_s_mem()) else { throw .library("no memory") }
    unsafe self.pointer = pointer
    if !bytes.isEmpty {
      let written = unsafe BIO_write(pointer, bytes, Int32(clamping: bytes.count))
      guard Int(written) == bytes.count else { throw .library("no memory") }
    }
  }

  deinit { unsafe BIO_free_all(pointer) }

  /// What was written to it.
  var text: String {
    var data: UnsafeMutablePointer<CChar>?
    let count = unsafe te_bio_mem_data(pointer, &data)
    guard let data = unsafe data, count > 0 else { return "" }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: data, count: Int(count)), as: UTF8.self)
  }
}

/// One block of a PEM text (RFC 7468).
struct PEMBlock {
  let label: String
  let bytes: [UInt8]

  var text: String { text(lineLength: 64) }

  func text(lineLength: Int) -> String {
    let digits = Array(Base64.encode(bytes).utf8)
    var lines = ["-----BEGIN \(label)-----"]
    var index = 0
    while index < digits.count {
      let end = min(index + lineLength, digits.count)
      lines.append(String(decoding: digits[index..<end], as: UTF8.self))
      index = end
    }
    lines.append("-----END \(label)-----\n")
    return lines.joined(separator: "\n")
  }

  /// Every whole, well-formed block, in order; text between blocks is ignored. Blocks with headers (old encrypted keys)
  /// have no bytes.
  static func all(in text: String) -> [PEMBlock] {
    var blocks: [PEMBlock] = []
    var label: String?
    var body = ""
    for line in text.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }) {
      let line = String(line).trimmingBlanks
      if let name = line.between("-----BEGIN ", "-----") {
        label = name
        body = ""
      } else if let name = line.between("-----END ", "-----") {
        if name == label { blocks.append(PEMBlock(label: name, bytes: Base64.decodeLenient(body) ?? [])) }
        label = nil
      } else if label != nil {
        body += line
      }
    }
    return blocks
  }
}

extension String {
  var trimmingBlanks: String {
    var view = self[...]
    while view.first?.isWhitespace == true { view.removeFirst() }
    while view.last?.isWhitespace == true { view.removeLast() }
    return String(view)
  }

  fileprivate func between(_ prefix: String, _ suffix: String) -> String? {
    guard hasPrefix(prefix), hasSuffix(suffix), count >= prefix.count + suffix.count else { return nil }
    return String(dropFirst(prefix.count).dropLast(suffix.count))
  }
}
