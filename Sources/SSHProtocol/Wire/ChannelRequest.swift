import NIOCore

/// The size of a terminal; impossible values are made possible.
package struct TerminalSize: Sendable, Equatable {
  package var columns: Int
  package var rows: Int

  package init(columns: UInt32, rows: UInt32) {
    self.columns = columns == 0 ? 80 : Int(min(columns, TerminalSize.limit))
    self.rows = rows == 0 ? 24 : Int(min(rows, TerminalSize.limit))
  }

  private static let limit: UInt32 = 1000
}

package struct PTYRequest: Sendable, Equatable {
  package var terminal: String
  package var size: TerminalSize
  /// Encoded terminal modes (RFC 4254 §8), as they came.
  package var modes: [UInt8]

  package init(terminal: String, size: TerminalSize, modes: [UInt8] = []) {
    self.terminal = terminal
    self.size = size
    self.modes = modes
  }
}

/// CHANNEL_REQUEST (98), by type (RFC 4254 §6).
package enum ChannelRequest: Sendable, Equatable {
  case pty(PTYRequest)
  case windowChange(TerminalSize)
  case shell
  case exec(String)
  case subsystem(String)
  case environment(name: String, value: String)
  /// Without `SIG`.
  case signal(String)
  case exitStatus(UInt32)
  case exitSignal(name: String, coreDumped: Bool, text: String)
  /// eow@openssh.com: the peer reads no more.
  case endOfWrite
  case other(type: String, data: [UInt8])

  init(type: String, _ reader: inout MessageReader, limits: SSHLimits) throws(SSHError) {
    let bound = limits.channelRequestBytes
    switch type {
    case "pty-req":
      let terminal = String(decoding: try reader.bytes("TERM", limit: limits.terminalNameBytes), as: UTF8.self)
      let size = TerminalSize(columns: try reader.uint32("columns"), rows: try reader.uint32("rows"))
      _ = try reader.uint64("pixels")
      self = .pty(PTYRequest(terminal: terminal, size: size, modes: try reader.bytes("modes", limit: 4096)))
    case "window-change":
      self = .windowChange(TerminalSize(columns: try reader.uint32("columns"), rows: try reader.uint32("rows")))
      _ = try reader.uint64("pixels")
    case "shell":
      self = .shell
    case "exec":
      // A command may be any bytes; what is no UTF-8 in it is no reason to end every tunnel of the connection.
      self = .exec(String(decoding: try reader.bytes("command", limit: bound), as: UTF8.self))
    case "subsystem":
      self = .subsystem(try reader.text("subsystem", limit: limits.nameLength * 4))
    case "env":
      let name = try reader.bytes("variable name", limit: bound)
      let value = try reader.bytes("variable value", limit: bound)
      self = .environment(name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
    case "signal":
      self = .signal(try reader.text("signal", limit: limits.nameLength))
    case "exit-status":
      self = .exitStatus(try reader.uint32("exit status"))
    case "exit-signal":
      let name = try reader.text("signal", limit: limits.nameLength)
      let dumped = try reader.boolean("core dumped")
      let text = String(decoding: try reader.bytes("text", limit: bound), as: UTF8.self)
      self = .exitSignal(name: name, coreDumped: dumped, text: text)
      _ = try reader.slice("language", limit: bound)
    case "eow@openssh.com":
      self = .endOfWrite
    default:
      self = .other(type: type, data: reader.remaining.bytes)
      return
    }
    try reader.end()
  }

  private var typeName: String {
    switch self {
    case .pty: "pty-req"
    case .windowChange: "window-change"
    case .shell: "shell"
    case .exec: "exec"
    case .subsystem: "subsystem"
    case .environment: "env"
    case .signal: "signal"
    case .exitStatus: "exit-status"
    case .exitSignal: "exit-signal"
    case .endOfWrite: "eow@openssh.com"
    case .other(let type, _): type
    }
  }

  func write(recipient: UInt32, wantsReply: Bool, into buffer: inout ByteBuffer) {
    buffer.writeInteger(MessageNumber.channelRequest)
    buffer.writeInteger(recipient)
    buffer.writeSSHString(typeName)
    buffer.writeSSHBoolean(wantsReply)
    switch self {
    case .pty(let pty):
      buffer.writeSSHString(pty.terminal)
      ChannelRequest.write(pty.size, into: &buffer)
      buffer.writeSSHString(pty.modes)
    case .windowChange(let size):
      ChannelRequest.write(size, into: &buffer)
    case .shell, .endOfWrite:
      break
    case .exec(let text), .subsystem(let text), .signal(let text):
      buffer.writeSSHString(text)
    case .environment(let name, let value):
      buffer.writeSSHString(name)
      buffer.writeSSHString(value)
    case .exitStatus(let status):
      buffer.writeInteger(status)
    case .exitSignal(let name, let dumped, let text):
      buffer.writeSSHString(name)
      buffer.writeSSHBoolean(dumped)
      buffer.writeSSHString(text)
      buffer.writeSSHString("")
    case .other(_, let data):
      buffer.writeBytes(data)
    }
  }

  private static func write(_ size: TerminalSize, into buffer: inout ByteBuffer) {
    buffer.writeInteger(UInt32(clamping: size.columns))
    buffer.writeInteger(UInt32(clamping: size.rows))
    buffer.writeInteger(UInt64(0))
  }
}
