import NIOCore
import NIOEmbedded
import Routing
import Testing

@testable import SSHProtocol
@testable import SSHServer

/// What the first bytes of a client tell about it (product.md, fine point 2).
struct SOCKSHandshakeTests {
  private final class Host: ChannelHost {
    let eventLoop: any EventLoop
    var written: [[UInt8]] = []
    var closed = 0

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func isChannelWritable(_ id: ChannelID) -> Bool { true }
    func write(_ bytes: ByteBuffer, to id: ChannelID) { written.append(Array(bytes.readableBytesView)) }
    func finishWriting(_ id: ChannelID) {}
    func consumed(_ count: Int, from id: ChannelID) {}
    func noteLasting(_ id: ChannelID) {}
    let windowMemory = WindowMemory(limit: 1 << 20)
    func closeChannel(_ id: ChannelID, _ how: ChannelClosing) { closed += 1 }
    func setNeedsFlush() {}
  }

  private final class Run {
    let loop = EmbeddedEventLoop()
    let host: Host
    let stream: ChannelStream
    let handshake: SOCKSHandshake
    var outcomes: [String] = []
    var questions: [() -> Void] = []

    init(mayBeFixed: Bool = true, destination: String = "localhost", port: Int = 3000) {
      host = Host(loop)
      stream = ChannelStream(
        id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: host)
      handshake = SOCKSHandshake(stream: stream, host: destination, port: port, mayBeFixed: mayBeFixed)
      handshake.run(
        afterRoundTrip: { [unowned self] in questions.append($0) },
        completion: { [unowned self] in outcomes.append("\($0)") })
      loop.run()
    }

    func receive(_ bytes: [UInt8]) {
      stream.didReceive(ByteBuffer(bytes: bytes))
      loop.run()
    }

    func pass(_ seconds: Int64) { loop.advanceTime(by: .seconds(seconds)) }
  }

  @Test func theDestinationIsAskedForByName() {
    let run = Run()
    #expect(run.host.written == [[5, 1, 0]])
    run.receive([5, 0])
    #expect(run.host.written.last == [5, 1, 0, 3, 9] + Array("localhost".utf8) + [0x0B, 0xB8])
    run.receive([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    #expect(run.outcomes == ["connected"] && run.host.closed == 0)
  }

  @Test(
    arguments: [
      [5, 0, 0, 1, 127, 0, 0, 1, 0, 80], [5, 0, 0, 4] + [UInt8](repeating: 0, count: 18),
      [5, 0, 0, 3, 4, 0x68, 0x6F, 0x73, 0x74, 0, 80],
    ] as [[UInt8]]) func answersOfEveryKindAndByteByByte(_ reply: [UInt8])
  {
    let run = Run()
    for byte in [5, 0] + reply { run.receive([byte]) }
    #expect(run.outcomes == ["connected"])
    // What follows is the service's.
    run.receive([0x48])
    #expect(run.host.written.count == 2)
  }

  @Test(arguments: [
    Array("HTTP/1.1 400 Bad Request\r\n".utf8), [5, 255], [5, 1], [4, 0], [0], Array("SSH-2.0-x\r\n".utf8),
  ]) func anyOtherFirstAnswerMeansAFixedDestination(_ bytes: [UInt8]) {
    let run = Run()
    run.receive(bytes)
    #expect(run.outcomes == ["notSOCKS"] && run.host.closed == 1)
  }

  @Test func theEndOfTheStreamDoes() {
    let run = Run()
    run.stream.didFinish()
    run.stream.didEnd(.finished)
    run.loop.run()
    #expect(run.outcomes == ["notSOCKS"])
  }

  @Test func silenceMeansItOnlyAfterARoundTrip() {
    let run = Run()
    run.pass(2)
    #expect(run.outcomes.isEmpty && run.questions.count == 1)
    run.questions[0]()
    #expect(run.outcomes == ["notSOCKS"])
  }

  /// The network is slow: the answer comes before that of the question.
  @Test func aLateAnswerIsOne() {
    let run = Run()
    run.pass(2)
    run.receive([5, 0])
    run.questions[0]()
    #expect(run.outcomes.isEmpty)
    run.receive([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    #expect(run.outcomes == ["connected"])
  }

  @Test func nothingIsWaitedForForever() {
    let silent = Run()
    silent.pass(12)
    #expect(silent.outcomes == ["failed(Routing.StreamOpenFailure.timedOut)"])
    let half = Run()
    half.receive([5, 0])
    half.pass(12)
    #expect(half.outcomes == ["failed(Routing.StreamOpenFailure.timedOut)"])
  }

  /// A client that has spoken SOCKS once is no fixed one because a stream of it goes wrong.
  @Test func aKnownClientThatFailsIsAFailure() {
    let other = Run(mayBeFixed: false)
    other.receive(Array("HTTP/1.1".utf8))
    #expect(other.outcomes.count == 1 && other.outcomes[0].contains("refused"))
    let silent = Run(mayBeFixed: false)
    silent.pass(2)
    #expect(silent.questions.isEmpty && silent.outcomes.isEmpty)
    silent.pass(10)
    #expect(silent.outcomes == ["failed(Routing.StreamOpenFailure.timedOut)"])
  }

  @Test(arguments: [1, 5, 8] as [UInt8]) func aRefusalIsTheClients(_ code: UInt8) {
    let run = Run()
    run.receive([5, 0])
    run.receive([5, code, 0, 1, 0, 0, 0, 0, 0, 0])
    #expect(run.outcomes.count == 1 && run.outcomes[0].contains("SOCKS reply \(code)"))
  }

  @Test func aLostConnectionIsNeither() {
    let run = Run()
    run.stream.didEnd(.connectionLost)
    run.loop.run()
    #expect(run.outcomes == ["failed(Routing.StreamOpenFailure.gone)"])
  }

  @Test(arguments: [("", 80), (String(repeating: "a", count: 256), 80), ("localhost", 0), ("localhost", 65_536)])
  func whatCannotBeAskedForIsNotAsked(_ host: String, _ port: Int) {
    let run = Run(destination: host, port: port)
    #expect(run.host.written.isEmpty && run.outcomes == ["failed(Routing.StreamOpenFailure.wrongForwardKind)"])
  }
}
