import DequeModule
import EdgeCrypto
import NIOCore

/// Turns payloads into sealed packets, one behind the other in one buffer, until somebody takes the buffer.
struct PacketWriter: ~Copyable {
  private var protection = PacketProtection.none
  private var current = ByteBuffer()
  private var finished = Deque<ByteBuffer>()
  private var padding = RandomPool()
  private(set) var sequence: UInt32 = 0
  private(set) var sequenceWrapped = false
  /// Sealed and not yet taken.
  private(set) var pendingBytes = 0
  private(set) var bytesUnderKey: UInt64 = 0
  private(set) var packetsUnderKey: UInt64 = 0

  /// One buffer never grows beyond this: `ByteBuffer` doubles, and allocations of 128 KiB cost several times the CPU
  /// (stack.md, section 4).
  static let bufferLength = 64 * 1024
  /// Length field, padding length, at most 255 bytes of padding, tag.
  static let overhead = 4 + 1 + 255 + 64

  /// `body` writes the payload straight into the outgoing buffer.
  mutating func write(
    payloadEstimate: Int, _ body: (inout ByteBuffer) -> Void
  ) throws(SSHError) {
    makeRoom(for: payloadEstimate + PacketWriter.overhead)
    // Out of `self` while it is written to, so that the cipher and the padding may be used at the same time.
    var buffer = ByteBuffer()
    swap(&buffer, &current)
    defer { swap(&buffer, &current) }
    let start = buffer.writerIndex
    buffer.writeRepeatingByte(0, count: 5)
    body(&buffer)
    try seal(&buffer, from: start)
  }

  private mutating func makeRoom(for count: Int) {
    if current.readableBytes > 0, current.writerIndex + count > PacketWriter.bufferLength {
      finished.append(current)
      current = ByteBuffer()
    }
    if current.capacity == 0 {
      // A large packet seldom comes alone; small ones should not cost a large buffer each.
      current = ByteBuffer()
      current.reserveCapacity(count > 4096 ? PacketWriter.bufferLength : 1024)
    }
  }

  private mutating func seal(_ buffer: inout ByteBuffer, from start: Int) throws(SSHError) {
    let payload = buffer.writerIndex - start - 5
    let block = protection.blockLength
    let counted = payload + 1 + (protection.padsLength ? 4 : 0)
    var pad = block - counted % block
    if pad < 4 { pad += block }
    let readable = buffer.readerIndex
    buffer.moveReaderIndex(to: buffer.writerIndex)
    defer { buffer.moveReaderIndex(to: readable) }
    buffer.writeRepeatingByte(0, count: pad)
    if isSealing {
      var span = buffer.mutableReadableBytesSpan
      padding.fill(&span)
    }
    buffer.setInteger(UInt32(truncatingIfNeeded: payload + 1 + pad), at: start)
    buffer.setInteger(UInt8(truncatingIfNeeded: pad), at: start + 4)
    buffer.writeRepeatingByte(0, count: protection.tagLength)
    buffer.moveReaderIndex(to: start)
    let count = buffer.readableBytes
    try protection.seal(&buffer, count: count, sequence: sequence)
    let (next, wrapped) = sequence.addingReportingOverflow(1)
    sequence = next
    if wrapped { sequenceWrapped = true }
    pendingBytes += count
    bytesUnderKey &+= UInt64(count)
    packetsUnderKey &+= 1
  }

  private var isSealing: Bool {
    if case .none = protection { false } else { true }
  }

  /// Plain bytes, before any packet: the identification line.
  mutating func writeLine(_ line: [UInt8]) {
    current.writeBytes(line)
    pendingBytes += line.count
  }

  /// NEWKEYS has been sent.
  mutating func changeKeys(to next: PacketProtection, resetsSequence: Bool) {
    protection = next
    if resetsSequence { sequence = 0 }
    bytesUnderKey = 0
    packetsUnderKey = 0
  }

  /// Gives the next buffer away.
  mutating func take() -> ByteBuffer? {
    if let first = finished.popFirst() {
      pendingBytes -= first.readableBytes
      return first
    }
    guard current.readableBytes > 0 else { return nil }
    let last = current
    current = ByteBuffer()
    pendingBytes -= last.readableBytes
    return last
  }

  #if DEBUG
    /// Lets a test stand at the end of the sequence numbers.
    mutating func skip(to sequence: UInt32) { self.sequence = sequence }
  #endif
}
