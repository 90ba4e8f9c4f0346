import EdgeCrypto
import NIOCore

/// Finds and opens packets in the bytes of the peer. Whole packets of a read are opened where they lie; only a packet that
/// spans two reads is put together in a buffer of its own.
struct PacketReader: ~Copyable {
  private var protection = PacketProtection.none
  private var partial = ByteBuffer()
  /// Whole length of the packet in `partial`, once its header is there.
  private var expected: Int?
  private(set) var sequence: UInt32 = 0
  private(set) var sequenceWrapped = false
  private(set) var bytesUnderKey: UInt64 = 0
  private(set) var packetsUnderKey: UInt64 = 0
  var maximumLength: Int

  init(maximumLength: Int) {
    self.maximumLength = maximumLength
  }

  /// An opened packet's payload, at its place.
  struct Packet {
    enum Place {
      /// In the buffer of this read; slice it when all packets of it are open.
      case read(start: Int, count: Int)
      case own(ByteBuffer)
    }
    var place: Place
    var number: UInt8
    var sequence: UInt32
  }

  /// The next whole packet, or nil when `read` is used up; the rest is then kept.
  mutating func next(_ read: inout ByteBuffer) throws(SSHError) -> Packet? {
    let header = protection.headerLength
    if expected == nil, partial.readableBytes == 0, read.readableBytes >= header {
      let total = try totalLength(&read)
      if read.readableBytes >= total {
        let start = read.readerIndex
        let payload = try open(&read, total)
        guard let number = read.getInteger(at: payload.lowerBound, as: UInt8.self) else { throw emptyPayload }
        read.moveReaderIndex(to: start + total)
        return Packet(
          place: .read(start: payload.lowerBound, count: payload.count), number: number, sequence: sequence &- 1)
      }
      expected = total
    }
    if expected == nil {
      partial.fill(to: header, from: &read)
      guard partial.readableBytes >= header else { return nil }
      var start = ByteBuffer()
      swap(&start, &partial)
      expected = try totalLength(&start)
      swap(&start, &partial)
    }
    guard let total = expected else { return nil }
    partial.fill(to: total, from: &read)
    guard partial.readableBytes >= total else { return nil }
    var whole = ByteBuffer()
    swap(&whole, &partial)
    expected = nil
    let payload = try open(&whole, total)
    guard let number = whole.getInteger(at: payload.lowerBound, as: UInt8.self),
      let own = whole.getSlice(at: payload.lowerBound, length: payload.count)
    else { throw emptyPayload }
    return Packet(place: .own(own), number: number, sequence: sequence &- 1)
  }

  private func totalLength(_ buffer: inout ByteBuffer) throws(SSHError) -> Int {
    let length = Int(try protection.packetLength(&buffer, sequence: sequence))
    guard length >= PacketReader.minimumLength, length <= maximumLength else {
      throw .framing(expected: "a packet length of \(PacketReader.minimumLength) to \(maximumLength)", got: "\(length)")
    }
    let counted = length + (protection.padsLength ? 4 : 0)
    guard counted % protection.blockLength == 0 else {
      throw .framing(expected: "a multiple of \(protection.blockLength) bytes", got: "\(counted)")
    }
    return 4 + length + protection.tagLength
  }

  /// The range of the payload in the buffer.
  private mutating func open(_ buffer: inout ByteBuffer, _ total: Int) throws(SSHError) -> Range<Int> {
    try protection.open(&buffer, count: total, sequence: sequence)
    let start = buffer.readerIndex
    let length = total - 4 - protection.tagLength
    let padding = Int(buffer.getInteger(at: start + 4, as: UInt8.self) ?? 0)
    guard padding >= PacketReader.minimumPadding else {
      throw .framing(expected: "at least \(PacketReader.minimumPadding) bytes of padding", got: "\(padding)")
    }
    // x/crypto CVE-2021-43565: padding that leaves no payload.
    guard length - 1 - padding >= 1 else { throw emptyPayload }
    let (next, wrapped) = sequence.addingReportingOverflow(1)
    sequence = next
    if wrapped { sequenceWrapped = true }
    bytesUnderKey &+= UInt64(total)
    packetsUnderKey &+= 1
    return (start + 5)..<(start + 4 + length - padding)
  }

  /// NEWKEYS has been received.
  mutating func changeKeys(to next: PacketProtection, resetsSequence: Bool) {
    protection = next
    if resetsSequence { sequence = 0 }
    bytesUnderKey = 0
    packetsUnderKey = 0
  }

  private var emptyPayload: SSHError { .framing(expected: "a payload", got: "padding only") }

  /// RFC 4253 §6: padding length, one byte of payload at least, four of padding: with the length field a multiple of 8.
  static let minimumLength = 5
  static let minimumPadding = 4

  #if DEBUG
    mutating func skip(to sequence: UInt32) { self.sequence = sequence }
  #endif
}

extension ByteBuffer {
  /// Moves bytes over until this has `count` of them. Grows with what arrives, never by a length field alone.
  fileprivate mutating func fill(to count: Int, from other: inout ByteBuffer) {
    let missing = min(count - readableBytes, other.readableBytes)
    guard missing > 0, var bytes = other.readSlice(length: missing) else { return }
    writeBuffer(&bytes)
  }
}
