import EdgeCrypto
import FuzzDriver
import NIOCore

@testable import SSHProtocol

/// What a client may say while it signs in, right and wrong.
enum Request {
  case none(user: String)
  case query(user: String, Fixture.UserKey)
  case interactive(user: String, submethods: [UInt8])
  case other(user: String, method: String, [UInt8])

  static func none(_ input: inout FuzzInput) -> Request { .none(user: user(&input)) }
  static func query(_ input: inout FuzzInput) -> Request { .query(user: user(&input), key(&input)) }
  static func interactive(_ input: inout FuzzInput) -> Request {
    .interactive(user: user(&input), submethods: input.bytes(input.number(below: 16)))
  }
  static func other(_ input: inout FuzzInput) -> Request {
    let methods = ["password", "hostbased", "gssapi-with-mic", "publickey", "none", ""]
    return .other(
      user: user(&input), method: methods[input.number(below: methods.count)], input.bytes(input.number(below: 64)))
  }

  /// Nearly always the same one, because a change ends everything.
  static func user(_ input: inout FuzzInput) -> String { input.byte() == 7 ? "somebody-else" : "dev" }
  static func key(_ input: inout FuzzInput) -> Fixture.UserKey {
    Fixture.userKeys[input.number(below: Fixture.userKeys.count)]
  }

  static func head(_ user: String, _ method: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    AuthenticationRequestMessage.write(username: user, method: method, into: &buffer)
    return buffer
  }

  static func make(_ request: Request) -> [UInt8] {
    var buffer: ByteBuffer
    switch request {
    case .none(let user): buffer = head(user, "none")
    case .query(let user, let key):
      buffer = head(user, "publickey")
      buffer.writeSSHBoolean(false)
      buffer.writeSSHString(key.algorithm.name)
      buffer.writeSSHString(key.blob)
    case .interactive(let user, let submethods):
      buffer = head(user, "keyboard-interactive")
      buffer.writeSSHString("")
      buffer.writeSSHString(submethods)
    case .other(let user, let method, let rest):
      buffer = head(user, method)
      buffer.writeBytes(rest)
    }
    return buffer.bytes
  }

  static func service(_ name: String) -> [UInt8] {
    var buffer = ByteBuffer()
    ServiceMessage.write(MessageNumber.serviceRequest, name, into: &buffer)
    return buffer.bytes
  }

  static func answers(_ input: inout FuzzInput) -> [UInt8] {
    var buffer = ByteBuffer()
    InformationResponseMessage.write((0..<input.number(below: 4)).map { "\($0)" }, into: &buffer)
    return buffer.bytes
  }

  /// A signed publickey request, with one mistake or none.
  struct Signed {
    enum Mistake: CaseIterable {
      case none, session, signature, algorithm, hostBound, wrongHost, trailing, otherUser, otherSigner, noSignature
    }

    let user: String
    let key: Fixture.UserKey
    let signer: Fixture.UserKey
    let mistake: Mistake
    let position: Int

    init(_ input: inout FuzzInput) {
      user = Request.user(&input)
      key = Request.key(&input)
      let other = Request.key(&input)
      let mistakes = Mistake.allCases
      mistake = mistakes[input.number(below: mistakes.count)]
      position = Int(input.byte())
      signer = mistake == .otherSigner ? other : key
    }

    /// The key that this proves, if it does.
    var provenKey: [UInt8]? {
      switch mistake {
      case .none, .hostBound: key.isGood ? key.blob : nil
      case .otherSigner: key.isGood && signer.blob == key.blob ? key.blob : nil
      default: nil
      }
    }

    func message(_ session: [UInt8]) -> [UInt8] {
      let isBound = mistake == .hostBound || mistake == .wrongHost
      var buffer = Request.head(
        user, isBound ? AuthenticationRequestMessage.hostBoundName : AuthenticationRequestMessage.publicKeyName)
      buffer.writeSSHBoolean(true)
      buffer.writeSSHString(mistake == .algorithm ? Fixture.anotherAlgorithm(key).name : key.algorithm.name)
      buffer.writeSSHString(key.blob)
      if isBound { buffer.writeSSHString(mistake == .wrongHost ? [1, 2, 3] : Fixture.hostKey) }
      var signed = buffer.bytes
      if mistake == .otherUser { signed[6] ^= 1 }
      var signature = signer.sign(
        PublicKeyProof.message(signed, mistake == .session ? Array(session.dropLast()) : session))
      if mistake == .signature { signature[position % signature.count] ^= 1 }
      if mistake == .noSignature { signature = [] }
      buffer.writeSSHString(signature)
      if mistake == .trailing { buffer.writeInteger(UInt8(0)) }
      return buffer.bytes
    }
  }
}
