import NIOCore
import Testing

@testable import Routing

/// What an idle connection keeps of its reads.
struct ReadBuffersTests {
  @Test func onlyTheFirstSmallBufferIsKept() throws {
    var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: ReadBuffers())
    var capacities: [Int] = []
    for _ in 0..<20 {
      let (buffer, count) = pool.buffer(allocator: ByteBufferAllocator()) { buffer in
        buffer.writeRepeatingByte(1, count: buffer.writableBytes)
      }
      capacities.append(buffer.capacity)
      pool.record(actualReadBytes: count)
    }
    #expect(capacities.first == 128)
    #expect(capacities.last == 64 * 1024)
    #expect(pool.count == 1)
    // Whether a read's buffer is freed with it: were it the pool's, it would be one and the same.
    var places: Set<UInt> = []
    var held: [ByteBuffer] = []
    for _ in 0..<4 {
      let (buffer, _) = pool.buffer(allocator: ByteBufferAllocator()) { $0.writeInteger(UInt8(1)) }
      held.append(buffer)
      places.insert(buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) })
    }
    #expect(places.count == 4)
    #expect(pool.count == 1)
  }

  @Test func sizesFollowTheTraffic() {
    var buffers = ReadBuffers()
    #expect(buffers.nextBufferSize() == nil)
    for _ in 0..<20 { _ = buffers.record(actualReadBytes: 64 * 1024) }
    let busy = buffers.buffer(allocator: ByteBufferAllocator()).capacity
    for _ in 0..<40 { _ = buffers.record(actualReadBytes: 100) }
    let calm = buffers.buffer(allocator: ByteBufferAllocator()).capacity
    #expect([busy, calm] == [64 * 1024, 1024])
  }
}
