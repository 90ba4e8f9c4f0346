import Testing

@testable import HTTPProxy

@Suite struct ConnectionUseTests {
  private func served(_ count: Int = 1, session: String? = "alice") -> ConnectionUse {
    var use = ConnectionUse()
    use.willCarry(session)
    for _ in 0..<count { use.noteBegun() }
    return use
  }

  @Test func whoMayFollow() {
    #expect(served().takes("bob", .shared))
    #expect(served().takes("alice", .session) && !served().takes("bob", .session) && !served().takes(nil, .session))
    #expect(!served(session: nil).takes(nil, .session))
    #expect(!served().takes("alice", .off) && served(0).takes("alice", .off))
    var alone = served(0)
    alone.isAlone = true
    #expect(alone.takes(nil, .shared))
    alone.noteBegun()
    #expect(!alone.takes(nil, .shared) && !alone.takesMore(.shared))
    var tainted = served()
    tainted.taint()
    #expect(!tainted.takes("alice", .shared) && !tainted.takesMore(.shared))
  }

  @Test func tooManyGivenUpWearItOut() {
    var use = served(2 * ConnectionUse.mostGivenUp)
    for _ in 0..<ConnectionUse.mostGivenUp { use.noteGivenUp() }
    // Half of them: visitors come and go.
    #expect(use.takesMore(.shared))
    use.noteGivenUp()
    #expect(!use.takesMore(.shared))
    var young = served(ConnectionUse.mostGivenUp - 1)
    for _ in 0..<ConnectionUse.mostGivenUp - 1 { young.noteGivenUp() }
    #expect(young.takesMore(.shared))
  }
}
