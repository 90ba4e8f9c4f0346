import Testing

@testable import SSHServer

struct FairQueueTests {
  @Test func sourcesTakeTurns() {
    var queue = FairQueue<String, Int>()
    for number in 1...3 { queue.append(number, of: "a") }
    queue.append(10, of: "b")
    queue.append(20, of: "c")
    queue.append(21, of: "c")
    var order: [Int] = []
    while let next = queue.next() { order.append(next) }
    #expect(order == [1, 10, 20, 2, 21, 3])
    #expect(queue.count == 0)
  }

  @Test func theNewestOfWhoHasMostGivesWay() {
    var queue = FairQueue<String, Int>()
    #expect(queue.giveWay(to: "a") == nil)
    for number in 1...3 { queue.append(number, of: "a") }
    #expect(queue.giveWay(to: "a") == nil)
    queue.append(10, of: "b")
    #expect(queue.giveWay(to: "b") == 3)
    // Now it would only change places.
    #expect(queue.giveWay(to: "b") == nil)
    #expect(queue.giveWay(to: "c") == 2)
    #expect(queue.giveWay(to: "c") == nil)
    #expect(queue.count == 2)
    #expect([queue.next(), queue.next(), queue.next()] == [1, 10, nil])
  }
}
