import EdgeCrypto
import NIOCore

/// How a client wants to prove itself.
package enum ClientMethod: Sendable {
  case none
  /// Only asks whether the key would do.
  case publicKeyQuestion(PrivateKey, SSHSignatureAlgorithm)
  case publicKey(PrivateKey, SSHSignatureAlgorithm)
  case keyboardInteractive

  package static func publicKey(_ key: PrivateKey) -> ClientMethod {
    .publicKey(key, SSHSignatureAlgorithm.algorithms(for: key.publicKey.type).first ?? .ed25519)
  }
}

/// Client side of RFC 4252 and 4256: one request at a time, the caller decides what follows a failure.
struct ClientAuthentication {
  private var lastMethod: ClientMethod?
  private let shared: SharedSSHConfiguration
  private var limits: SSHLimits { shared.value.limits }

  init(_ shared: SharedSSHConfiguration) {
    self.shared = shared
  }

  mutating func request(_ method: ClientMethod, username: String, sessionID: [UInt8]) throws(SSHError) -> ByteBuffer {
    lastMethod = method
    var payload = ByteBuffer()
    switch method {
    case .none:
      AuthenticationRequestMessage.write(
        username: username, method: AuthenticationRequestMessage.noneName, into: &payload)
    case .publicKeyQuestion(let key, let algorithm):
      ClientAuthentication.writePublicKey(username, key, algorithm, signed: false, into: &payload)
    case .publicKey(let key, let algorithm):
      ClientAuthentication.writePublicKey(username, key, algorithm, signed: true, into: &payload)
      let signature = try key.sshSignature(
        PublicKeyProof.message(payload.bytes, sessionID), algorithm: algorithm)
      payload.writeSSHString(signature)
    case .keyboardInteractive:
      AuthenticationRequestMessage.write(
        username: username, method: AuthenticationRequestMessage.keyboardInteractiveName, into: &payload)
      payload.writeSSHString("")
      payload.writeSSHString("")
    }
    return payload
  }

  private static func writePublicKey(
    _ username: String, _ key: PrivateKey, _ algorithm: SSHSignatureAlgorithm, signed: Bool,
    into payload: inout ByteBuffer
  ) {
    AuthenticationRequestMessage.write(
      username: username, method: AuthenticationRequestMessage.publicKeyName, into: &payload)
    payload.writeSSHBoolean(signed)
    payload.writeSSHString(algorithm.name)
    payload.writeSSHString(SSHPublicKey(key.publicKey).blob)
  }

  /// What the server's message means; nil for SUCCESS, which the connection handles.
  func event(_ payload: ByteBuffer, number: UInt8) throws(SSHError) -> SSHEvent? {
    switch number {
    case MessageNumber.serviceAccept:
      return .serviceAccepted
    case MessageNumber.authenticationFailure:
      let message = try AuthenticationFailureMessage(payload: payload, limits: limits)
      return .authenticationFailed(canContinue: message.canContinue, partial: message.isPartialSuccess)
    case MessageNumber.banner:
      return .banner(try BannerMessage.text(payload: payload))
    case MessageNumber.informationRequest:
      switch lastMethod {
      case .publicKeyQuestion:
        return .keyAccepted(blob: try PublicKeyAcceptedMessage.blob(payload: payload, limits: limits))
      case .keyboardInteractive:
        return .interactivePrompt(try InteractivePrompt(payload: payload, limits: limits))
      case .some(.none), .publicKey, nil:
        throw .outOfPhase(expected: "an answer to the request", got: number)
      }
    default:
      return nil
    }
  }
}
