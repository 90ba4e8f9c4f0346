import NIOCore

/// Writes start lines, fields and framing. Whoever relays a head writes its fields with `keep` leaving out the framing ones,
/// and then exactly one framing field of its own.
package enum HeadWriter {
  package static func writeRequestLine(method: RequestMethod, target: String, into buffer: inout ByteBuffer) {
    buffer.writeString(method.text)
    buffer.writeInteger(ByteClass.space)
    buffer.writeString(target)
    buffer.writeString(" HTTP/1.1\r\n")
  }

  package static func writeStatusLine(status: Int, reason: String, into buffer: inout ByteBuffer) {
    if status == 200, reason == "OK" {
      buffer.writeString("HTTP/1.1 200 OK\r\n")
      return
    }
    buffer.writeString("HTTP/1.1 ")
    buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status / 100 % 10))
    buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10))
    buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status % 10))
    buffer.writeInteger(ByteClass.space)
    for byte in reason.utf8 { buffer.writeInteger(ByteClass.isFieldValue(byte) ? byte : ByteClass.space) }
    buffer.writeString("\r\n")
  }

  package static func writeField(_ name: String, _ value: String, into buffer: inout ByteBuffer) {
    buffer.writeString(name)
    buffer.writeString(": ")
    for byte in value.utf8 where !ByteClass.isFieldValue(byte) {
      buffer.writeBytes(value.utf8.map { ByteClass.isFieldValue($0) ? $0 : ByteClass.space })
      buffer.writeString("\r\n")
      return
    }
    buffer.writeString(value)
    buffer.writeString("\r\n")
  }

  /// The one field that says where the body ends. A request without a body has none; a response that needs one says 0.
  package static func writeFraming(_ framing: BodyFraming, into buffer: inout ByteBuffer) {
    switch framing {
    case .none, .untilClose: break
    case .chunked: buffer.writeString("Transfer-Encoding: chunked\r\n")
    case .length(let length):
      buffer.writeString("Content-Length: ")
      writeDecimal(length, into: &buffer)
      buffer.writeString("\r\n")
    }
  }

  package static func endHead(_ buffer: inout ByteBuffer) { buffer.writeString("\r\n") }

  /// Two digits at a time.
  package static func writeDecimal(_ value: UInt64, into buffer: inout ByteBuffer) {
    if value < 10 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + value))
      return
    }
    if value >= 100 { writeDecimal(value / 100, into: &buffer) }
    let tens = UInt16(truncatingIfNeeded: value / 10 % 10)
    let ones = UInt16(truncatingIfNeeded: value % 10)
    buffer.writeInteger(0x3030 | tens << 8 | ones)
  }

  // MARK: Chunks

  /// The line before a chunk's data. After the data comes CR LF.
  package static func writeChunkSize(_ size: Int, into buffer: inout ByteBuffer) {
    writeHexadecimal(UInt64(size), into: &buffer)
    buffer.writeString("\r\n")
  }

  package static func writeLastChunk(trailers: HeaderList?, into buffer: inout ByteBuffer) {
    buffer.writeString("0\r\n")
    trailers?.write(into: &buffer)
    buffer.writeString("\r\n")
  }

  private static func writeHexadecimal(_ value: UInt64, into buffer: inout ByteBuffer) {
    if value >= 16 { writeHexadecimal(value >> 4, into: &buffer) }
    let digit = UInt8(truncatingIfNeeded: value & 15)
    buffer.writeInteger(digit < 10 ? 0x30 + digit : 0x57 + digit)
  }
}

extension HeaderList {
  /// Writes the fields of the mask, neighbouring ones with one copy.
  package func write(into buffer: inout ByteBuffer, mask: FieldMask = .all) {
    var run = 0..<0
    for (index, field) in fields.enumerated() where mask.contains(index) {
      if field.isCanonical {
        let line = field.lineRange
        if line.lowerBound == run.upperBound {
          run = run.lowerBound..<line.upperBound
        } else {
          if !run.isEmpty { buffer.writeBytes(bytes[run]) }
          run = line
        }
        continue
      }
      if !run.isEmpty { buffer.writeBytes(bytes[run]) }
      run = 0..<0
      writeLine(field, into: &buffer)
    }
    if !run.isEmpty { buffer.writeBytes(bytes[run]) }
  }

  private func writeLine(_ field: Field, into buffer: inout ByteBuffer) {
    buffer.writeBytes(bytes[field.nameRange])
    buffer.writeString(": ")
    buffer.writeBytes(bytes[field.valueRange])
    buffer.writeString("\r\n")
  }
}
