@testable import EdgeCrypto

/// Vectors are arrays, and no secrets.
func == (secret: SecretBytes, bytes: [UInt8]) -> Bool { secret == SecretBytes(bytes) }

extension AESGCMPacketCipher {
  convenience init(key: [UInt8], nonce: [UInt8], direction: CipherDirection) throws(CryptoError) {
    try self.init(key: SecretBytes(key), nonce: SecretBytes(nonce), direction: direction)
  }
}

extension ChaChaPolyPacketCipher {
  convenience init(key: [UInt8], direction: CipherDirection) throws(CryptoError) {
    try self.init(key: SecretBytes(key), direction: direction)
  }
}

extension AESCTRPacketCipher {
  convenience init(
    key: [UInt8], iv: [UInt8], mac: MAC, macKey: [UInt8], encryptThenMAC: Bool, direction: CipherDirection
  ) throws(CryptoError) {
    try self.init(
      key: SecretBytes(key), iv: SecretBytes(iv), mac: mac, macKey: SecretBytes(macKey), encryptThenMAC: encryptThenMAC,
      direction: direction)
  }
}
