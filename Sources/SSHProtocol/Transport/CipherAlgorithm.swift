import EdgeCrypto

/// The ciphers we offer (ssh.md 1.6). A new one is a case here and a row in `PacketProtection`.
package enum CipherAlgorithm: String, Sendable, Hashable, CaseIterable {
  case aes128GCM = "aes128-gcm@openssh.com"
  case aes256GCM = "aes256-gcm@openssh.com"
  case chachaPoly = "chacha20-poly1305@openssh.com"
  case aes128CTR = "aes128-ctr"
  case aes192CTR = "aes192-ctr"
  case aes256CTR = "aes256-ctr"

  package var name: String { rawValue }

  var keyLength: Int {
    switch self {
    case .aes128GCM, .aes128CTR: 16
    case .aes192CTR: 24
    case .aes256GCM, .aes256CTR: 32
    case .chachaPoly: 64
    }
  }

  var nonceLength: Int {
    switch self {
    case .aes128GCM, .aes256GCM: 12
    case .chachaPoly: 0
    case .aes128CTR, .aes192CTR, .aes256CTR: 16
    }
  }

  /// Authenticates by itself; the negotiated MAC is ignored.
  var isAuthenticated: Bool {
    switch self {
    case .aes128GCM, .aes256GCM, .chachaPoly: true
    case .aes128CTR, .aes192CTR, .aes256CTR: false
    }
  }

  var isGCM: Bool { self == .aes128GCM || self == .aes256GCM }

  /// ssh.md 1.10: 1 GiB for a stream cipher with a 64-bit block count, 2^32 blocks for AES.
  var bytesPerKey: UInt64 { self == .chachaPoly ? 1 << 30 : 1 << 36 }
}

package enum MACAlgorithm: String, Sendable, Hashable, CaseIterable {
  case hmacSHA256ETM = "hmac-sha2-256-etm@openssh.com"
  case hmacSHA512ETM = "hmac-sha2-512-etm@openssh.com"
  case hmacSHA256 = "hmac-sha2-256"
  case hmacSHA512 = "hmac-sha2-512"

  package var name: String { rawValue }

  var primitive: AESCTRPacketCipher.MAC {
    switch self {
    case .hmacSHA256ETM, .hmacSHA256: .hmacSHA256
    case .hmacSHA512ETM, .hmacSHA512: .hmacSHA512
    }
  }

  var encryptsFirst: Bool {
    switch self {
    case .hmacSHA256ETM, .hmacSHA512ETM: true
    case .hmacSHA256, .hmacSHA512: false
    }
  }
}
