import NIOCore

/// Takes the PROXY header off the beginning of a connection, for any server: what the connection is for is installed when
/// it is known whom it is from.
///
/// Goes first into the pipeline of a connection whose peer is a trusted proxy; nobody else's header counts. Whatever comes
/// behind the header is handed on when `completion` returns.
package final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer

  /// Called once, on the channel's event loop: adds the handlers of the connection behind this one, or says goodbye. The
  /// connection is closed after a failure.
  package typealias Completion = (Result<ProxyHeader, ProxyProtocolError>, any Channel) -> Void

  /// How long a proxy may take. It sends the header with, or before, the first bytes of whom it serves.
  package static let usualDeadline = TimeAmount.seconds(5)

  private let deadline: TimeAmount
  private var completion: Completion?
  private var received = ByteBuffer()
  private var timer: Scheduled<Void>?

  package init(deadline: TimeAmount = usualDeadline, completion: @escaping Completion) {
    self.deadline = deadline
    self.completion = completion
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: deadline) {
      let (handler, context) = bound.value
      handler.finish(.failure(.timedOut), context)
    }
  }

  package func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard completion != nil else { return context.fireChannelRead(data) }
    var bytes = unwrapInboundIn(data)
    if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
    do throws(ProxyProtocolError) {
      if let header = try ProxyHeader(reading: &received) { finish(.success(header), context) }
    } catch {
      finish(.failure(error), context)
    }
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Where half a connection may end by itself: nothing more of the header will come.
    if completion != nil, let event = event as? ChannelEvent, event == .inputClosed {
      finish(.failure(.closed), context)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    finish(.failure(.closed), context)
    context.fireChannelInactive()
  }

  private func finish(_ result: Result<ProxyHeader, ProxyProtocolError>, _ context: ChannelHandlerContext) {
    guard let completion else { return }
    self.completion = nil
    timer?.cancel()
    timer = nil
    completion(result, context.channel)
    guard case .success = result else { return context.close(promise: nil) }
    let rest = received
    received = ByteBuffer()
    if rest.readableBytes > 0, context.channel.isActive { context.fireChannelRead(wrapInboundOut(rest)) }
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }
}

@available(*, unavailable)
extension ProxyHeaderHandler: Sendable {}
