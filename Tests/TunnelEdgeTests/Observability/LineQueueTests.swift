import Testing

@testable import TunnelEdge

@Suite struct LineQueueTests {
  private func line(_ count: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "x"), count: count - 1) + [10] }

  @Test func linesGoOutInOrderAndTogether() {
    var queue = LineQueue()
    queue.append(Array("one\n".utf8), .access)
    queue.append(Array("two\nthree\n".utf8), .audit)
    #expect(queue.take()?.bytes == Array("one\ntwo\nthree\n".utf8))
    #expect(queue.take() == nil && queue.count == 14)
    queue.finish()
    #expect(queue.isEmpty)
  }

  @Test func whatIsUnderWayCountsUntilItWasTaken() {
    var queue = LineQueue()
    queue.append(line(LineQueue.limit), .access)
    #expect(queue.take()?.dropped == LineQueue.Dropped())
    queue.append(Array("a\nb\n".utf8), .access)
    queue.append(Array("c\n".utf8), .message)
    #expect(queue.dropped == LineQueue.Dropped(messages: 1, access: 2, audit: 0))
    // The audit log has room where the others have none.
    queue.append(Array("d\n".utf8), .audit)
    queue.finish()
    let next = queue.take()
    #expect(next?.bytes == Array("d\n".utf8))
    #expect(next?.dropped == LineQueue.Dropped(messages: 1, access: 2, audit: 0))
    queue.finish()
    #expect(queue.isEmpty && queue.dropped.access == 2)
  }

  @Test func theAuditLogIsBoundedToo() {
    var queue = LineQueue()
    queue.append(line(LineQueue.auditLimit), .audit)
    queue.append(line(2), .audit)
    #expect(queue.dropped.audit == 1 && queue.count == LineQueue.auditLimit)
  }

  @Test func lossesAloneAreTold() {
    var queue = LineQueue()
    queue.append(line(LineQueue.auditLimit + 1), .audit)
    #expect(queue.take()?.dropped.audit == 1)
    queue.finish()
    #expect(queue.isEmpty)
  }

  @Test func linesAfterAChangeOfFilesAreToldApart() {
    var queue = LineQueue()
    queue.append(line(5), .access)
    queue.changeFile()
    queue.append(line(3), .access)
    let batch = queue.take()
    #expect(batch?.changesFileAt == 5 && batch?.bytes.count == 8)
    queue.finish()
    #expect(queue.take() == nil)
  }
}
