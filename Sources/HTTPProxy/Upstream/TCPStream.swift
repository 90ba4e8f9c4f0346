import NIOCore
import Routing

/// A TCP connection as a `ByteStream`.
package final class TCPStream: ChannelInboundHandler, ByteStream {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  /// What was written before the end has so long to leave.
  static let closingTime = TimeAmount.seconds(30)

  package let eventLoop: any EventLoop
  package var consumer: (any ByteStreamConsumer)?
  private let channel: any Channel
  private var context: ChannelHandlerContext?
  private var end = StreamEnd.connectionLost
  private var hasFinishedReading = false
  private var hasFinishedWriting = false
  private var isReading = false
  private var needsFlush = false
  private var isClosing = false

  init(channel: any Channel) {
    self.channel = channel
    eventLoop = channel.eventLoop
  }

  // MARK: ByteStream

  package var isWritable: Bool { channel.isWritable }

  package func write(_ bytes: ByteBuffer) {
    guard let context, !hasFinishedWriting else { return }
    needsFlush = true
    context.write(wrapOutboundOut(bytes), promise: nil)
  }

  package func flush() {
    guard needsFlush else { return }
    needsFlush = false
    context?.flush()
  }

  package func finishWriting() {
    guard !hasFinishedWriting, let context else { return }
    flush()
    hasFinishedWriting = true
    if hasFinishedReading {
      close(.finished)
    } else {
      context.close(mode: .output, promise: nil)
    }
  }

  package func pauseReading() { setReading(false) }
  package func resumeReading() { setReading(true) }

  private func setReading(_ reading: Bool) {
    guard reading != isReading, let context else { return }
    isReading = reading
    _ = try? context.channel.syncOptions?.setOption(.autoRead, value: reading)
  }

  package func close(_ end: StreamEnd) {
    guard let context, !isClosing else { return }
    self.end = end
    guard end == .finished else { return context.close(mode: .all, promise: nil) }
    // Done when all that was written before is: closing at once would throw it away.
    isClosing = true
    needsFlush = false
    // A service that reads nothing any more would keep it for ever.
    let patience = eventLoop.assumeIsolated().scheduleTask(in: Self.closingTime) {
      self.context?.close(mode: .all, promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
      patience.cancel()
      self.context?.close(mode: .all, promise: nil)
    }
  }

  // MARK: ChannelInboundHandler

  package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    consumer?.streamDidRead(unwrapInboundIn(data))
  }

  package func channelReadComplete(context: ChannelHandlerContext) { consumer?.streamDidCompleteRead() }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    consumer?.streamWritabilityChanged(isWritable: context.channel.isWritable)
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard let event = event as? ChannelEvent, event == .inputClosed else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    hasFinishedReading = true
    consumer?.streamDidFinishReading()
    if hasFinishedWriting { close(.finished) }
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) { close(.reset) }

  package func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    let consumer = self.consumer
    self.consumer = nil
    consumer?.streamDidClose(end)
  }
}
