import HTTPWire
import NIOCore

/// Gathers what goes out on one connection, so that a head and a small body are one piece; large pieces pass uncopied.
///
/// It hands pieces back instead of writing them: a write may call back into whoever owns this.
struct MessageWriter {
  /// Pieces up to this size are copied to their neighbours: cheaper than a write and a TLS record of their own.
  private static let copyLimit = 8 << 10
  private static let gatherLimit = 32 << 10
  /// A larger buffer is not kept for the next message.
  private static let keepLimit = 16 << 10

  var buffer = ByteBuffer()
  var framing = BodyFraming.none

  /// Takes body bytes. What is returned is to be written now, in this order.
  mutating func writeBody(_ bytes: ByteBuffer) -> (gathered: ByteBuffer, large: ByteBuffer)? {
    let count = bytes.readableBytes
    guard count > 0 else { return nil }
    if framing == .chunked { HeadWriter.writeChunkSize(count, into: &buffer) }
    var pieces: (ByteBuffer, ByteBuffer)?
    if count <= Self.copyLimit, buffer.readableBytes + count <= Self.gatherLimit {
      buffer.writeImmutableBuffer(bytes)
    } else {
      pieces = (buffer, bytes)
      buffer = ByteBuffer()
    }
    if framing == .chunked { HeadWriter.endHead(&buffer) }
    return pieces
  }

  mutating func writeEnd(trailers: HeaderList?) {
    if framing == .chunked { HeadWriter.writeLastChunk(trailers: trailers, into: &buffer) }
    framing = .none
  }

  /// What was gathered, to be written before a flush.
  mutating func take() -> ByteBuffer? {
    guard buffer.readableBytes > 0 else { return nil }
    let taken = buffer
    buffer = ByteBuffer()
    return taken
  }

  /// After the flush: the storage serves again if it was written out and nobody holds it.
  mutating func recycle(_ taken: inout ByteBuffer) {
    guard buffer.capacity == 0, taken.capacity <= Self.keepLimit else { return }
    buffer = taken
    taken = ByteBuffer()
    buffer.clear()
  }
}
