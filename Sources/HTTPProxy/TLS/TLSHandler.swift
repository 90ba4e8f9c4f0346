import EdgeCrypto
import NIOCore

/// TLS on a visitor's connection: OpenSSL as an engine with bytes in and bytes out, no copies between.
///
/// Writes are kept until the flush, so that small ones share a record.
final class TLSHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Three full records: with their overhead the buffer stays at 64 KiB (buffers of 128 KiB cost four times the CPU).
  private static let sliceLength = 3 << 14

  private let engine: TLSEngine
  private let tally: LoopTally
  private let asksForCertificate: Bool
  private var queued: [ByteBuffer] = []
  private let spares: SpareBuffers
  /// A flush of one piece up to this size is sealed into storage that serves again.
  private static let smallFlush = 4 << 10
  private var needsFlush = false
  /// close_notify went out: nothing more is written, what comes is still read.
  private var hasClosedOutput = false
  private var hasFailed = false

  init(_ context: TLSServerContext, tally: LoopTally, spares: SpareBuffers) throws(CryptoError) {
    engine = try TLSEngine(context)
    self.tally = tally
    self.spares = spares
    asksForCertificate = context.clients != nil
  }

  /// The name the visitor asked for, lower case.
  var serverName: String? { engine.serverName }
  /// The protocol agreed on (RFC 7301).
  var alpn: String? { engine.alpn }
  var isHandshakeComplete: Bool { engine.isHandshakeComplete }
  /// What the visitor showed when the connection began; nil where none was asked for.
  private(set) var certificate: VisitorCertificate?

  // MARK: Inbound

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var input = unwrapInboundIn(data)
    while !hasFailed {
      var plain = spares.take()
      var output = spares.take()
      let isComplete = engine.isHandshakeComplete
      let status = receive(&input, output: &output, plain: &plain)
      if output.readableBytes > 0 {
        needsFlush = true
        context.write(wrapOutboundOut(output), promise: nil)
      }
      spares.giveBack(&output)
      drain(context)
      if !isComplete, let version = engine.version {
        if asksForCertificate { certificate = VisitorCertificate(engine) }
        tally.handshake(.complete(version, isResumed: engine.isResumed))
        if !queued.isEmpty { flush(context: context) }
      }
      if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
      spares.giveBack(&plain)
      switch status {
      case .plaintextFull: continue
      case .needsInput: return
      case .closedByPeer:
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        return
      case .failed(let error):
        fail(context, error)
        return
      }
    }
  }

  private func receive(_ input: inout ByteBuffer, output: inout ByteBuffer, plain: inout ByteBuffer) -> TLSStatus {
    let isComplete = engine.isHandshakeComplete
    var status = TLSStatus.needsInput
    var consumed = 0
    let room = isComplete ? max(min(input.readableBytes, 1 << 16), 1 << 10) : 1 << 10
    let engine = self.engine
    plain.writeWithOutputRawSpan(minimumWritableBytes: room) { plain in
      output.writeWithOutputRawSpan(minimumWritableBytes: isComplete ? 256 : 6 << 10) { output in
        let progress = engine.receive(input.readableBytesSpan, output: &output, plaintext: &plain)
        status = progress.status
        consumed = progress.consumed
      }
    }
    input.moveReaderIndex(forwardBy: consumed)
    return status
  }

  private func drain(_ context: ChannelHandlerContext) {
    while engine.pendingOutput > 0 {
      var output = context.channel.allocator.buffer(capacity: 0)
      let engine = self.engine
      output.writeWithOutputRawSpan(minimumWritableBytes: min(engine.pendingOutput, 60 << 10)) { output in
        _ = engine.drain(&output)
      }
      guard output.readableBytes > 0 else { return }
      needsFlush = true
      context.write(wrapOutboundOut(output), promise: nil)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    if needsFlush {
      needsFlush = false
      context.flush()
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed, let error = engine.receiveEOF() {
      // No close_notify: the end may be somebody else's (security rule 27).
      context.fireErrorCaught(error)
    }
    context.fireUserInboundEventTriggered(event)
  }

  private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
    hasFailed = true
    if !engine.isHandshakeComplete { tally.handshake(.failed) }
    hasClosedOutput = true
    queued = []
    if error.kind == .plaintextHTTP {
      context.write(
        wrapOutboundOut(context.channel.allocator.buffer(string: Self.plaintextAnswer)), promise: nil)
    }
    context.flush()
    context.fireErrorCaught(error)
    context.close(promise: nil)
  }

  private static let plaintextAnswer: String = {
    let text = "This port speaks HTTPS: put https:// in front of the address.\n"
    return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: \(text.utf8.count)\r\n"
      + "Connection: close\r\n\r\n" + text
  }()

  // MARK: Outbound

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !hasClosedOutput else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    let bytes = unwrapOutboundIn(data)
    // An empty one at the end would leave the flush without its end, and what came before it in the engine.
    if bytes.readableBytes > 0 { queued.append(bytes) }
    // What is written here is answered for by the connection as a whole.
    promise?.succeed(())
  }

  func flush(context: ChannelHandlerContext) {
    // Before the handshake is complete there is nothing an HTTP server could want to say.
    guard engine.isHandshakeComplete, !hasClosedOutput else { return }
    needsFlush = false
    var output = spares.take()
    sealQueued(into: &output, context)
    if output.readableBytes > 0 { context.write(wrapOutboundOut(output), promise: nil) }
    drain(context)
    context.flush()
    spares.giveBack(&output)
  }

  /// A small answer goes into storage that serves again; anything else is written from storage of its own.
  private func sealQueued(into output: inout ByteBuffer, _ context: ChannelHandlerContext) {
    if queued.count == 1, let only = queued.first, only.readableBytes <= Self.smallFlush {
      queued.removeAll(keepingCapacity: true)
      let engine = self.engine
      output.writeWithOutputRawSpan(minimumWritableBytes: engine.outputNeeded(forSending: only.readableBytes)) {
        output in
        _ = engine.send(only.readableBytesSpan, endOfFlush: true, output: &output)
      }
      return
    }
    for index in queued.indices { seal(queued[index], isLast: index == queued.index(before: queued.endIndex), context) }
    queued.removeAll(keepingCapacity: true)
  }

  private func seal(_ bytes: ByteBuffer, isLast: Bool, _ context: ChannelHandlerContext) {
    var bytes = bytes
    let engine = self.engine
    while let slice = bytes.readSlice(length: min(bytes.readableBytes, Self.sliceLength)), slice.readableBytes > 0 {
      let endOfFlush = isLast && bytes.readableBytes == 0
      let room = engine.outputNeeded(forSending: slice.readableBytes)
      var output = context.channel.allocator.buffer(capacity: room)
      output.writeWithOutputRawSpan(minimumWritableBytes: room) { output in
        _ = engine.send(slice.readableBytesSpan, endOfFlush: endOfFlush, output: &output)
      }
      if output.readableBytes > 0 { context.write(wrapOutboundOut(output), promise: nil) }
    }
    drain(context)
  }

  /// What was written and close_notify leave together.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode != .input, !hasClosedOutput {
      var output = spares.take()
      if engine.isHandshakeComplete { sealQueued(into: &output, context) }
      hasClosedOutput = true
      let engine = self.engine
      output.writeWithOutputRawSpan(minimumWritableBytes: 64 + engine.pendingOutput) { output in
        _ = engine.close(&output)
      }
      if output.readableBytes > 0 { context.write(wrapOutboundOut(output), promise: nil) }
      drain(context)
      context.flush()
      spares.giveBack(&output)
    }
    context.close(mode: mode, promise: promise)
  }
}
