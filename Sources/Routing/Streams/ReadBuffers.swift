import NIOCore

/// Read buffers that nobody keeps: every read takes a new one, and it is gone with the last of its bytes.
///
/// NIO would keep up to `maxMessagesPerRead` of them for a connection's life, 64 KiB each once there was traffic: of a
/// thousand idle connections 256 MiB. An allocator that says nothing of the next size and always may grow has only its very
/// first buffer kept (`NIOPooledRecvBufferAllocator`), which is therefore a small one. Needs `maxMessagesPerRead` 1.
package struct ReadBuffers: RecvByteBufferAllocator {
  /// What does not fit is read a moment later; it stays as long as the connection.
  private let first: Int

  private var sizes = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 64 * 1024)
  private var hasRead = false

  /// Without a size an identification line of ssh fits.
  package init(first: Int = 128) { self.first = first }

  package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    hasRead ? sizes.buffer(allocator: allocator) : allocator.buffer(capacity: first)
  }

  package mutating func record(actualReadBytes: Int) -> Bool {
    if hasRead { _ = sizes.record(actualReadBytes: actualReadBytes) }
    hasRead = true
    return true
  }
}
