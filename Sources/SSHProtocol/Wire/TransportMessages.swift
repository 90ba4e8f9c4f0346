import NIOCore

/// RFC 4253 §11 and §10, RFC 8308: the small messages of the transport, each with its reader and its writer.

package struct DisconnectMessage: Sendable, Equatable {
  package var reason: UInt32
  package var text: String

  static let textLimit = 4096

  init(reason: UInt32, text: String) {
    self.reason = reason
    self.text = text
  }

  /// Ours: no longer than clients show, and the reference is never what is cut off.
  init(reason: UInt32, text: String, reference: String?) {
    self.reason = reason
    let end = reference.map { " (connection \($0))" } ?? ""
    var kept = text
    while kept.utf8.count + end.utf8.count > DisconnectMessage.shownBytes { kept.removeLast() }
    self.text = kept + end
  }

  /// OpenSSH prints 400 characters of a description (ssh.md 1.11).
  private static let shownBytes = 400

  init(payload: ByteBuffer) throws(SSHError) {
    var reader = MessageReader(message: payload, "DISCONNECT")
    reason = try reader.uint32("reason")
    let bytes = try reader.bytes("description", limit: DisconnectMessage.textLimit)
    text = String(decoding: bytes, as: UTF8.self)
    // The language tag is often left out by clients; nothing hangs on it.
  }

  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.disconnect)
    buffer.writeInteger(reason)
    buffer.writeSSHString(text)
    buffer.writeSSHString("")
  }
}

struct ServiceMessage {
  static let nameLimit = 64

  static func name(payload: ByteBuffer) throws(SSHError) -> String {
    var reader = MessageReader(message: payload, "SERVICE_REQUEST")
    let name = try reader.text("service name", limit: nameLimit)
    try reader.end()
    return name
  }

  static func write(_ number: UInt8, _ name: String, into buffer: inout ByteBuffer) {
    buffer.writeInteger(number)
    buffer.writeSSHString(name)
  }
}

/// RFC 8308 §2.3: names and values in order; values may hold any bytes.
struct ExtensionInfoMessage {
  var extensions: [(name: String, value: [UInt8])]

  init(_ extensions: [(name: String, value: [UInt8])]) {
    self.extensions = extensions
  }

  init(payload: ByteBuffer, limits: SSHLimits) throws(SSHError) {
    var reader = MessageReader(message: payload, "EXT_INFO")
    guard payload.readableBytes <= limits.extensionBytes else {
      throw reader.failure("at most \(limits.extensionBytes) bytes", "\(payload.readableBytes)")
    }
    let count = Int(try reader.uint32("count"))
    guard count <= limits.extensions else {
      throw reader.failure("at most \(limits.extensions) extensions", "\(count)")
    }
    extensions = []
    for _ in 0..<count {
      let name = try reader.bytes("extension name", limit: limits.extensionBytes)
      let value = try reader.bytes("extension value", limit: limits.extensionBytes)
      extensions.append((String(decoding: name, as: UTF8.self), value))
    }
    try reader.end()
  }

  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.extensionInfo)
    buffer.writeInteger(UInt32(truncatingIfNeeded: extensions.count))
    for (name, value) in extensions {
      buffer.writeSSHString(name)
      buffer.writeSSHString(value)
    }
  }

  subscript(name: String) -> [UInt8]? { extensions.first { $0.name == name }?.value }
}
