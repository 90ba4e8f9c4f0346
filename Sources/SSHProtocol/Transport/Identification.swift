import NIOCore
import PlainText

/// An identification line (RFC 4253 §4.2), without CR LF.
package struct Identification: Sendable, Equatable {
  /// The whole line: this is what is hashed.
  package let line: String

  /// What follows `SSH-2.0-`, comment included.
  package var software: Substring {
    line.drop { $0 != "-" }.dropFirst().drop { $0 != "-" }.dropFirst()
  }

  package var isOpenSSH: Bool { software.hasPrefix("OpenSSH_") }

  /// OpenSSH 5 to 7.7 (compat.c, SIGTYPE).
  var announcesOldRSACertificates: Bool {
    guard isOpenSSH else { return false }
    let version = software.dropFirst("OpenSSH_".count).prefix { $0 != " " }
    let numbers = version.split(separator: ".", maxSplits: 1)
    guard let major = numbers.first.flatMap({ Int($0) }), numbers.count == 2,
      let minor = Int(numbers[1].prefix { $0.isASCII && $0.isNumber })
    else { return false }
    return major == 5 || major == 6 || (major == 7 && minor <= 7)
  }

  init(line: String) {
    self.line = line
  }

  init(parsing line: [UInt8]) throws(SSHError) {
    guard line.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
      throw .identification(expected: "printable ASCII", got: line.printable(limit: 80))
    }
    let text = String(decoding: line, as: UTF8.self)
    guard text.hasPrefix("SSH-2.0-") || text.hasPrefix("SSH-1.99-") else {
      throw .identification(expected: "SSH-2.0- or SSH-1.99-", got: text.printable(limit: 80))
    }
    self.line = text
    guard !software.isEmpty else { throw .identification(expected: "a software version", got: "nothing") }
  }
}

/// Reads the peer's identification out of the first bytes. Bytes behind the line belong to the packets.
struct IdentificationReader {
  private let role: SSHRole
  private let longestIdentification: Int
  private let longestOtherLine: Int
  private let mostOtherLines: Int
  private var line: [UInt8] = []
  private var lines = 0

  init(role: SSHRole, limits: SSHLimits) {
    self.role = role
    longestIdentification = limits.identificationLine
    longestOtherLine = limits.lineBeforeIdentification
    mostOtherLines = limits.linesBeforeIdentification
  }

  mutating func read(_ bytes: inout ByteBuffer) throws(SSHError) -> Identification? {
    while let byte = bytes.readInteger(as: UInt8.self) {
      if let last = line.last, last == UInt8(ascii: "\r"), byte != UInt8(ascii: "\n") {
        throw .identification(expected: "LF after CR", got: (line + [byte]).printable(limit: 80))
      }
      if byte == UInt8(ascii: "\n") {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        if let identification = try lineEnded() { return identification }
        continue
      }
      guard byte != 0 else {
        throw .identification(expected: "no NUL byte", got: line.printable(limit: 80))
      }
      line.append(byte)
      // With room for CR LF.
      let bound = isIdentification ? longestIdentification - 1 : longestOtherLine
      guard line.count <= bound else {
        throw .identification(expected: "a line of at most \(bound + 1) bytes", got: "more")
      }
      // A client that speaks something else (HTTP, TLS) is told at its first wrong byte.
      if role == .server, !isIdentification {
        throw .identification(expected: "SSH-", got: line.printable(limit: 80))
      }
    }
    return nil
  }

  private mutating func lineEnded() throws(SSHError) -> Identification? {
    if isIdentification || role == .server { return try Identification(parsing: line) }
    lines += 1
    guard lines <= mostOtherLines else {
      throw .identification(expected: "at most \(mostOtherLines) lines before SSH-", got: "more")
    }
    line.removeAll(keepingCapacity: true)
    return nil
  }

  /// Whether the line so far is, or may become, an identification.
  private var isIdentification: Bool {
    zip(line, "SSH-".utf8).allSatisfy { $0 == $1 }
  }
}
