import NIOCore
import PlainText

/// Critical options or extensions of a certificate: names in ascending byte order, each once (PROTOCOL.certkeys).
package struct CertificateOptions: Sendable, Equatable {
  private let entries: [(name: String, data: [UInt8])]

  package static let forceCommand = "force-command"
  package static let sourceAddress = "source-address"
  package static let verifyRequired = "verify-required"
  package static let noTouchRequired = "no-touch-required"
  package static let permitTerminal = "permit-pty"
  package static let permitForwarding = "permit-port-forwarding"

  /// More than anybody has defined.
  private static let most = 64
  private static let nameLimit = 256

  init(_ section: ByteBuffer, _ what: String) throws(SSHError) {
    var reader = MessageReader(section, what)
    var entries: [(name: String, data: [UInt8])] = []
    while reader.remainingCount > 0 {
      let name = try reader.text("option name", limit: Self.nameLimit)
      let data = try reader.bytes("option \(name.printable(limit: 40))", limit: section.readableBytes)
      if let last = entries.last, !last.name.utf8.lexicographicallyPrecedes(name.utf8) {
        throw reader.failure("options in ascending order, each once", name.printable(limit: 40))
      }
      guard !name.isEmpty, entries.count < Self.most else {
        throw reader.failure("at most \(Self.most) options with names", "\(entries.count + 1)")
      }
      entries.append((name, data))
    }
    self.entries = entries
  }

  package var names: [String] { entries.map(\.name) }

  /// Whether a flag is set; a flag has no data.
  package func flag(_ name: String) throws(SSHError) -> Bool {
    guard let entry = entries.first(where: { $0.name == name }) else { return false }
    guard entry.data.isEmpty else {
      throw .malformed("certificate option \(name)", expected: "no data", got: "\(entry.data.count) bytes")
    }
    return true
  }

  /// The text of an option, which is wrapped twice; nil without the option.
  package func text(_ name: String) throws(SSHError) -> String? {
    guard let entry = entries.first(where: { $0.name == name }) else { return nil }
    var reader = MessageReader(ByteBuffer(bytes: entry.data), "certificate option \(name)")
    let text = try reader.text("text", limit: entry.data.count)
    try reader.end()
    return text
  }

  package static func == (left: CertificateOptions, right: CertificateOptions) -> Bool {
    left.entries.elementsEqual(right.entries) { $0.name == $1.name && $0.data == $1.data }
  }
}
