import EdgeCrypto
import NIOCore

/// The server's half of a key exchange, which is the expensive one. A value, so that it may run on any thread.
package struct KeyExchangeWork: Sendable {
  let method: KeyExchangeMethod
  let hostKeyAlgorithm: SSHKeyAlgorithm
  let hostKey: HostKey
  let transcript: SessionKeys.Transcript
  let clientPublic: [UInt8]
  let sessionID: [UInt8]?

  package struct Outcome: Sendable {
    let reply: ByteBuffer
    let keys: SessionKeys
  }

  package func run() throws(SSHError) -> Outcome {
    let (serverPublic, secret) = try method.respond(to: clientPublic)
    let shown = hostKey.blob(hostKeyAlgorithm)
    let hash = SessionKeys.exchangeHash(
      method, transcript, hostKey: shown, clientPublic: clientPublic, serverPublic: serverPublic,
      secret: secret.encoded)
    let signature = try hostKey.privateKey.sshSignature(hash, algorithm: hostKeyAlgorithm.signature)
    var reply = ByteBuffer()
    reply.writeInteger(MessageNumber.keyExchangeReply)
    reply.writeSSHString(shown)
    method.writePublic(serverPublic, into: &reply)
    reply.writeSSHString(signature)
    let keys = SessionKeys(
      digest: method.digest, secret: secret.encoded, exchangeHash: hash, sessionID: sessionID ?? hash)
    return Outcome(reply: reply, keys: keys)
  }

  /// Above a millisecond of computing (ssh.md 6.1): better not on an event loop.
  var isExpensive: Bool {
    switch method {
    case .group14, .group16, .group18, .ecdhP384, .ecdhP521: true
    case .mlkem768X25519, .curve25519, .curve25519LibSSH, .ecdhP256:
      hostKeyAlgorithm.signature.isExpensiveToSign
    }
  }
}
