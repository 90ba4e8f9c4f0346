import EdgeCrypto
import NIOCore

/// The exchange hash H and what follows from it (RFC 4253 §7.2, §8). K and the keys are gone from memory with the last who
/// holds them; H and the session identifier are no secrets.
struct SessionKeys: Sendable {
  let digest: DigestAlgorithm
  /// K as it enters the hashes.
  let secret: SecretBytes
  let exchangeHash: [UInt8]
  let sessionID: [UInt8]

  /// Everything that both sides saw before the publics.
  struct Transcript: Sendable {
    var clientIdentification: [UInt8]
    var serverIdentification: [UInt8]
    /// KEXINIT payloads as they were on the wire, message number included.
    var clientInit: [UInt8]
    var serverInit: [UInt8]
  }

  static func exchangeHash(
    _ method: KeyExchangeMethod, _ transcript: Transcript, hostKey: [UInt8], clientPublic: [UInt8],
    serverPublic: [UInt8], secret: SecretBytes
  ) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeSSHString(transcript.clientIdentification)
    buffer.writeSSHString(transcript.serverIdentification)
    buffer.writeSSHString(transcript.clientInit)
    buffer.writeSSHString(transcript.serverInit)
    buffer.writeSSHString(hostKey)
    method.writePublic(clientPublic, into: &buffer)
    method.writePublic(serverPublic, into: &buffer)
    let digest = SecretDigest(method.digest)
    digest.update(buffer.bytes)
    digest.update(secret)
    return digest.finish().revealed
  }

  /// K1 = HASH(K ‖ H ‖ letter ‖ session_id), Kn = HASH(K ‖ H ‖ K1 ‖ … ‖ Kn−1), cut to length.
  func derive(_ letter: Character, count: Int) -> SecretBytes {
    guard count > 0, let code = letter.asciiValue else { return SecretBytes([]) }
    var derived: [SecretBytes] = []
    while derived.count * digest.byteCount < count {
      let next = SecretDigest(digest)
      next.update(secret)
      next.update(exchangeHash)
      if derived.isEmpty { next.update([code] + sessionID) }
      for piece in derived { next.update(piece) }
      derived.append(next.finish())
    }
    return SecretBytes(joining: derived).part(count: count)
  }

  func toServer(_ cipher: CipherAlgorithm, _ mac: MACAlgorithm?, _ use: CipherDirection) throws(SSHError)
    -> PacketProtection
  {
    try protection(cipher, mac, letters: ("A", "C", "E"), use)
  }

  func toClient(_ cipher: CipherAlgorithm, _ mac: MACAlgorithm?, _ use: CipherDirection) throws(SSHError)
    -> PacketProtection
  {
    try protection(cipher, mac, letters: ("B", "D", "F"), use)
  }

  private func protection(
    _ cipher: CipherAlgorithm, _ mac: MACAlgorithm?, letters: (Character, Character, Character),
    _ use: CipherDirection
  ) throws(SSHError) -> PacketProtection {
    try PacketProtection(
      cipher, mac, nonce: derive(letters.0, count: cipher.nonceLength), key: derive(letters.1, count: cipher.keyLength),
      macKey: derive(letters.2, count: mac?.primitive.keyLength ?? 0), use)
  }
}
