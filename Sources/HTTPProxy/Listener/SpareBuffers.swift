import NIOCore

/// Storage that serves from one read or write to the next, whichever connection of the loop it is for: what a connection kept
/// for itself would be idle with it, and most are.
final class SpareBuffers {
  /// Larger ones are rare, and go back to the allocator.
  private static let largest = 16 << 10
  /// Reading, sealing and answering go on at once in one connection, and in its service's beside it.
  private static let most = 6

  private var spares: [ByteBuffer] = []

  init() { spares.reserveCapacity(Self.most) }

  func take() -> ByteBuffer { spares.popLast() ?? ByteBuffer() }

  /// Takes the storage if nobody else holds it: a head that is still read, a socket that has not taken all.
  func giveBack(_ used: inout ByteBuffer) {
    var buffer = used
    used = ByteBuffer()
    guard buffer.capacity > 0, buffer.capacity <= Self.largest, spares.count < Self.most,
      buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil
    else { return }
    spares.append(buffer)
  }
}
