import NIOCore
import PlainText

/// RFC 4252 and RFC 4256: each message with its reader and its writer.

/// USERAUTH_REQUEST (50).
package struct AuthenticationRequestMessage: Sendable {
  package enum Method: Sendable {
    case none
    case publicKey(PublicKeyOffer)
    case keyboardInteractive
    /// Anything else: never successful, and its content is not looked at.
    case other(String)
  }

  package var username: String
  package var service: String
  package var method: Method

  static let noneName = "none"
  static let publicKeyName = "publickey"
  static let hostBoundName = "publickey-hostbound-v00@openssh.com"
  static let keyboardInteractiveName = "keyboard-interactive"
  static let connectionService = "ssh-connection"

  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "USERAUTH_REQUEST")
    username = try reader.text("username", limit: limits.usernameBytes)
    guard username.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
      throw reader.failure("a username without control characters", username.printable())
    }
    service = try reader.text("service name", limit: limits.nameLength)
    let name = try reader.text("method name", limit: limits.nameLength)
    switch name {
    case AuthenticationRequestMessage.noneName:
      try reader.end()
      method = .none
    case AuthenticationRequestMessage.publicKeyName:
      method = .publicKey(try PublicKeyOffer(&reader, payload: payload, hostBound: false, limits: limits))
    case AuthenticationRequestMessage.hostBoundName:
      method = .publicKey(try PublicKeyOffer(&reader, payload: payload, hostBound: true, limits: limits))
    case AuthenticationRequestMessage.keyboardInteractiveName:
      _ = try reader.slice("language", limit: limits.usernameBytes)
      _ = try reader.slice("submethods", limit: limits.promptAnswerBytes)
      try reader.end()
      method = .keyboardInteractive
    default:
      method = .other(name)
    }
  }

  static func write(username: String, method: String, into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.authenticationRequest)
    buffer.writeSSHString(username)
    buffer.writeSSHString(connectionService)
    buffer.writeSSHString(method)
  }
}

/// What a publickey request holds (RFC 4252 §7, PROTOCOL §3.1 for the host-bound form).
package struct PublicKeyOffer: Sendable {
  package var algorithm: String
  package var blob: [UInt8]
  /// Of the host-bound form: the host key that the client means.
  package var hostKey: [UInt8]?
  /// Nil: only a question whether the key may be used.
  package var signature: [UInt8]?
  /// The message up to the signature: what was signed, behind the session identifier.
  package var signedPart: [UInt8]

  init(
    _ reader: inout MessageReader, payload: ByteBuffer, hostBound: Bool, limits: SSHLimits
  ) throws(SSHError) {
    let isSigned = try reader.boolean("has signature")
    algorithm = try reader.text("algorithm", limit: limits.nameLength)
    blob = try reader.bytes("key", limit: limits.publicKeyBytes)
    hostKey = hostBound ? try reader.bytes("host key", limit: limits.publicKeyBytes) : nil
    let length = payload.readableBytes - reader.remainingCount
    signedPart = payload.getBytes(at: payload.readerIndex, length: length) ?? []
    signature = isSigned ? try reader.bytes("signature", limit: limits.publicKeyBytes) : nil
    try reader.end()
  }
}

/// USERAUTH_FAILURE (51).
package struct AuthenticationFailureMessage: Sendable, Equatable {
  package var canContinue: [String]
  package var isPartialSuccess: Bool

  init(canContinue: [String], isPartialSuccess: Bool) {
    self.canContinue = canContinue
    self.isPartialSuccess = isPartialSuccess
  }

  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "USERAUTH_FAILURE")
    canContinue = try reader.nameList("methods", limits: limits)
    isPartialSuccess = try reader.boolean("partial success")
    try reader.end()
  }

  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.authenticationFailure)
    buffer.writeNameList(canContinue)
    buffer.writeSSHBoolean(isPartialSuccess)
  }
}

/// USERAUTH_BANNER (53).
enum BannerMessage {
  static let limit = 65_536

  static func text(payload: ByteBuffer) throws(SSHError) -> String {
    var reader = MessageReader(message: payload, "USERAUTH_BANNER")
    return String(decoding: try reader.bytes("text", limit: limit), as: UTF8.self)
  }

  static func write(_ text: String, into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.banner)
    buffer.writeSSHString(text)
    buffer.writeSSHString("")
  }
}

/// USERAUTH_PK_OK (60 after a publickey question).
enum PublicKeyAcceptedMessage {
  static func write(algorithm: String, blob: [UInt8], into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.publicKeyAccepted)
    buffer.writeSSHString(algorithm)
    buffer.writeSSHString(blob)
  }

  static func blob(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) -> [UInt8] {
    var reader = MessageReader(message: payload, "USERAUTH_PK_OK")
    _ = try reader.text("algorithm", limit: limits.nameLength)
    let blob = try reader.bytes("key", limit: limits.publicKeyBytes)
    try reader.end()
    return blob
  }
}

/// What a keyboard-interactive round shows (RFC 4256 §3.2). Without questions every client shows it at once (ssh.md 2.5).
package struct InteractivePrompt: Sendable, Equatable {
  package struct Question: Sendable, Equatable {
    package var text: String
    package var echo: Bool

    package init(text: String, echo: Bool) {
      self.text = text
      self.echo = echo
    }
  }

  package var name: String
  package var instruction: String
  package var questions: [Question]

  package init(name: String, instruction: String, questions: [Question] = []) {
    self.name = name
    self.instruction = instruction
    self.questions = questions
  }

  /// Shows nothing; keeps clients with a timeout per packet alive.
  static let empty = InteractivePrompt(name: "", instruction: "")
  private static let textLimit = 65_536

  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "USERAUTH_INFO_REQUEST")
    name = try reader.text("name", limit: InteractivePrompt.textLimit)
    instruction = try reader.text("instruction", limit: InteractivePrompt.textLimit)
    _ = try reader.slice("language", limit: limits.usernameBytes)
    let count = Int(try reader.uint32("number of prompts"))
    guard count <= limits.promptAnswers else {
      throw reader.failure("at most \(limits.promptAnswers) prompts", "\(count)")
    }
    questions = []
    for _ in 0..<count {
      let text = try reader.text("prompt", limit: InteractivePrompt.textLimit)
      questions.append(Question(text: text, echo: try reader.boolean("echo")))
    }
    try reader.end()
  }

  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.informationRequest)
    buffer.writeSSHString(name)
    buffer.writeSSHString(instruction)
    buffer.writeSSHString("")
    buffer.writeInteger(UInt32(truncatingIfNeeded: questions.count))
    for question in questions {
      buffer.writeSSHString(question.text)
      buffer.writeSSHBoolean(question.echo)
    }
  }
}

/// USERAUTH_INFO_RESPONSE (61).
enum InformationResponseMessage {
  static func answers(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) -> [String] {
    var reader = MessageReader(message: payload, "USERAUTH_INFO_RESPONSE")
    let count = Int(try reader.uint32("number of answers"))
    guard count <= limits.promptAnswers else {
      throw reader.failure("at most \(limits.promptAnswers) answers", "\(count)")
    }
    var answers: [String] = []
    for _ in 0..<count { answers.append(try reader.text("answer", limit: limits.promptAnswerBytes)) }
    try reader.end()
    return answers
  }

  static func write(_ answers: [String], into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.informationResponse)
    buffer.writeInteger(UInt32(truncatingIfNeeded: answers.count))
    for answer in answers { buffer.writeSSHString(answer) }
  }
}
