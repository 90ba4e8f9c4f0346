import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

@Suite("SSH wire types")
struct WireTypeTests {
  @Test(
    "an mpint is written in its one minimal form",
    arguments: [
      ("80", "000000020080"), ("00", "00000000"), ("0080", "000000020080"), ("7f", "000000017f"),
      ("000102", "000000020102"),
    ])
  func writesIntegers(raw: String, wire: String) {
    var buffer = ByteBuffer()
    buffer.writeMultiplePrecision(hex(raw))
    #expect(buffer.bytes == hex(wire))
  }

  @Test("an mpint is read as its canonical magnitude; a negative one is refused")
  func readsIntegers() throws {
    var reader = MessageReader(ByteBuffer(bytes: hex("0000000400000080")), "test")
    #expect(try reader.multiplePrecision("n", limits: SSHLimits()) == [0x80])
    var negative = MessageReader(ByteBuffer(bytes: hex("0000000180")), "test")
    #expect(throws: SSHError.self) { try negative.multiplePrecision("n", limits: SSHLimits()) }
    var huge = MessageReader(ByteBuffer(bytes: hex("00004000") + [UInt8](repeating: 1, count: 0x4000)), "test")
    #expect(throws: SSHError.self) { try huge.multiplePrecision("n", limits: SSHLimits()) }
  }

  @Test("a string that claims more than is there is refused and says so")
  func shortString() {
    var reader = MessageReader(ByteBuffer(bytes: hex("ffffffff00")), "TEST")
    let error = #expect(throws: SSHError.self) { try reader.bytes("field", limit: 1 << 30) }
    #expect(error?.kind == .malformed)
    #expect(error?.diagnostic.contains("TEST") == true)
  }

  @Test("name lists keep order and refuse empty, long and too many names")
  func nameLists() throws {
    func read(_ text: String) throws -> [String] {
      var buffer = ByteBuffer()
      buffer.writeSSHString(text)
      var reader = MessageReader(buffer, "list")
      return try reader.nameList("names", limits: SSHLimits())
    }
    #expect(try read("b,a,b") == ["b", "a", "b"])
    #expect(try read("") == [])
    #expect(throws: SSHError.self) { try read("a,,b") }
    #expect(throws: SSHError.self) { try read(",") }
    #expect(try read("a,b,") == ["a", "b"], "libssh 0.10 ends a list with a comma")
    #expect(throws: SSHError.self) { try read("a,b,,") }
    #expect(throws: SSHError.self) { try read(String(repeating: "x", count: 65)) }
    #expect(throws: SSHError.self) { try read((0..<201).map { "n\($0)" }.joined(separator: ",")) }
    #expect(throws: SSHError.self) { try read("a,\u{1}") }
  }

  @Test("KEXINIT and channel requests survive writing and reading")
  func roundTrips() throws {
    let offer = KeyExchangeInitMessage(
      cookie: Array(0..<16), keyExchange: ["a"], hostKey: ["b", "c"], encryptionToServer: ["d"],
      encryptionToClient: [], macToServer: ["e"], macToClient: ["f"], compressionToServer: ["none"],
      compressionToClient: ["none"], firstPacketFollows: true)
    var buffer = ByteBuffer()
    offer.write(into: &buffer)
    #expect(try KeyExchangeInitMessage(payload: buffer, limits: SSHLimits()) == offer)

    let requests: [ChannelRequest] = [
      .pty(PTYRequest(terminal: "xterm", size: TerminalSize(columns: 80, rows: 24), modes: [0])), .shell,
      .windowChange(TerminalSize(columns: 100, rows: 30)), .exec("whoami"), .subsystem("sftp"),
      .environment(name: "LANG", value: "C"), .signal("INT"), .exitStatus(3),
      .exitSignal(name: "TERM", coreDumped: false, text: "ended"), .endOfWrite, .other(type: "x@y", data: [1, 2]),
    ]
    for request in requests {
      var wire = ByteBuffer()
      request.write(recipient: 7, wantsReply: true, into: &wire)
      var reader = MessageReader(message: wire, "CHANNEL_REQUEST")
      #expect(try reader.uint32("channel") == 7)
      let type = try reader.text("type", limit: 100)
      #expect(try reader.boolean("reply"))
      #expect(try ChannelRequest(type: type, &reader, limits: SSHLimits()) == request)
    }
  }

  @Test("terminal sizes are made possible")
  func terminalSizes() {
    #expect(TerminalSize(columns: 0, rows: 0) == TerminalSize(columns: 80, rows: 24))
    #expect(TerminalSize(columns: .max, rows: 1).columns == 1000)
  }
}
