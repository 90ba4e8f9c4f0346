import DequeModule
import NIOCore

/// Answers leave in the order of the requests, whenever each becomes known (RFC 4254 §4: replies carry no number).
struct ReplyQueue {
  private var entries = Deque<(number: UInt32, answer: ByteBuffer?)>()
  private var next: UInt32 = 0

  mutating func expect(limit: Int) throws(SSHError) -> UInt32 {
    guard entries.count < limit else { throw .limit("requests waiting for an answer", bound: limit) }
    let number = next
    next &+= 1
    entries.append((number, nil))
    return number
  }

  /// Notes an answer; a number that is not waited for changes nothing.
  mutating func answer(_ number: UInt32, _ payload: ByteBuffer) {
    guard let index = entries.firstIndex(where: { $0.number == number && $0.answer == nil }) else { return }
    entries[index].answer = payload
  }

  /// The next answer whose turn it is.
  mutating func popReady() -> ByteBuffer? {
    guard let answer = entries.first?.answer else { return nil }
    entries.removeFirst()
    return answer
  }
}
