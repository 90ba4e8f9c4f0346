import Glibc
import NIOCore
import NIOPosix
import Synchronization

struct TestTimeout: Error, CustomStringConvertible {
  var received: String
  var description: String { "nothing more came; so far: \(received.debugDescription)" }
}

/// A TCP client that says exactly what a test wants said.
final class RawClient: Sendable {
  private struct Waiter {
    var isReady: @Sendable (String, Bool) -> Bool
    /// Asked first: turning much into text again and again would take long.
    var minimum = 0
    var promise: EventLoopPromise<String>
  }
  private struct State {
    var bytes: [UInt8] = []
    var isClosed = false
    var waiters: [Waiter] = []
  }

  private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let client: RawClient
    init(client: RawClient) { self.client = client }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = Array(unwrapInboundIn(data).readableBytesView)
      client.update { $0.bytes += bytes }
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if let event = event as? ChannelEvent, event == .inputClosed { client.update { $0.isClosed = true } }
    }
    func channelInactive(context: ChannelHandlerContext) { client.update { $0.isClosed = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      client.update { $0.isClosed = true }
      context.close(promise: nil)
    }
  }

  private let state = Mutex(State())
  private let channelBox = Mutex<(any Channel)?>(nil)

  /// `isNarrow`: the kernel takes little of what comes and is not read, at both ends: small buffers here, and small segments,
  /// by which the other end's buffer is measured (megabytes over the loopback otherwise).
  init(port: Int, isNarrow: Bool = false) async throws {
    var bootstrap = ClientBootstrap(group: TestEdge.group)
      .channelOption(.allowRemoteHalfClosure, value: true)
    if isNarrow {
      bootstrap =
        bootstrap
        .channelOption(.socketOption(.so_rcvbuf), value: 16 * 1024)
        .channelOption(.socket(SocketOptionLevel(IPPROTO_TCP), TCP_MAXSEG), value: 536)
    }
    let channel =
      try await bootstrap
      .channelInitializer { channel in channel.pipeline.addHandler(Inbox(client: self)) }
      .connect(host: "127.0.0.1", port: port).get()
    channelBox.withLock { $0 = channel }
  }

  var channel: (any Channel)? { channelBox.withLock { $0 } }

  func send(_ text: String) {
    _ = channel?.writeAndFlush(ByteBuffer(string: text))
  }

  func finish() async { try? await channel?.close(mode: .output) }
  func close() async { try? await channel?.close() }
  func setReading(_ reading: Bool) async throws { try await channel?.setOption(.autoRead, value: reading).get() }

  var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
  var isClosed: Bool { state.withLock { $0.isClosed } }
  var byteCount: Int { state.withLock { $0.bytes.count } }

  private func update(_ change: (inout State) -> Void) {
    let (ready, text) = state.withLock { state in
      change(&state)
      let count = state.bytes.count
      guard state.waiters.contains(where: { $0.minimum <= count }) else { return ([Waiter](), "") }
      let text = String(decoding: state.bytes, as: UTF8.self)
      let closed = state.isClosed
      let ready = state.waiters.filter { $0.isReady(text, closed) }
      state.waiters.removeAll { $0.isReady(text, closed) }
      return (ready, text)
    }
    for waiter in ready { waiter.promise.succeed(text) }
  }

  /// Once so many bytes have come.
  func wait(bytes count: Int) async throws { _ = try await wait(minimum: count) { _, _ in true } }

  /// Everything received so far, once the condition holds.
  func wait(minimum: Int = 0, until isReady: @escaping @Sendable (String, Bool) -> Bool) async throws -> String {
    guard let eventLoop = channel?.eventLoop else { return "" }
    let promise = eventLoop.makePromise(of: String.self)
    let timeout = eventLoop.scheduleTask(in: .seconds(120)) { [self] in
      promise.fail(TestTimeout(received: text))
    }
    promise.futureResult.whenComplete { _ in timeout.cancel() }
    update { $0.waiters.append(Waiter(isReady: isReady, minimum: minimum, promise: promise)) }
    return try await promise.futureResult.get()
  }

  func wait(for text: String) async throws -> String { try await wait { received, _ in received.contains(text) } }

  /// One more response than `already`, by its Content-Length.
  func response(containing text: String) async throws -> String { try await wait(for: text) }

  func waitUntilClosed() async throws -> String { try await wait { _, isClosed in isClosed } }

  func clear() { state.withLock { $0.bytes = [] } }
}
