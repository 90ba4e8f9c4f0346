import HTTPWire
import NIOCore

/// One connection to the private listener: one request, one answer, and the end.
final class MetricsConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// For everything together.
  static let patience = TimeAmount.seconds(10)
  private static var limits: HeadLimits {
    var limits = HeadLimits()
    limits.headLength = 16 << 10
    limits.targetLength = 1 << 10
    return limits
  }

  private let service: MetricsService
  private var reader = RequestReader(limits: limits)
  private var inbound = ByteBuffer()
  private var isAnswered = false
  private var isWritten = false
  private var hasNoMoreInput = false
  private var deadline: Scheduled<Void>?

  init(service: MetricsService) { self.service = service }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    deadline = context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // What comes after the head is not wanted; it is taken so that the answer arrives before the end.
    guard !isAnswered else { return }
    var bytes = unwrapInboundIn(data)
    inbound.writeBuffer(&bytes)
    do {
      guard case .head(let head) = try reader.next(from: &inbound) else { return }
      isAnswered = true
      answer(head, context)
    } catch {
      isAnswered = true
      write(.text(400, "This is no HTTP/1.1 request.\n"), isHead: false, context)
    }
  }

  /// Some probes say that they have nothing more to say, and wait.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      hasNoMoreInput = true
      if isWritten || !isAnswered { context.close(promise: nil) }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: RequestHead, _ context: ChannelHandlerContext) {
    let service = service
    let isHead = head.method == .head
    let answered = context.eventLoop.makeFutureWithTask { await service.answer(head) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    answered.whenSuccess { answer in
      let (handler, context) = bound.value
      handler.write(answer, isHead: isHead, context)
    }
  }

  private func write(_ answer: MetricsService.Answer, isHead: Bool, _ context: ChannelHandlerContext) {
    guard context.channel.isActive else { return }
    var buffer = context.channel.allocator.buffer(capacity: answer.body.utf8.count + 512)
    HeadWriter.writeStatusLine(status: answer.status, reason: Self.reason(answer.status), into: &buffer)
    for (name, value) in answer.headers { HeadWriter.writeField(name, value, into: &buffer) }
    HeadWriter.writeField("Cache-Control", "no-store", into: &buffer)
    HeadWriter.writeField("X-Content-Type-Options", "nosniff", into: &buffer)
    HeadWriter.writeField("Connection", "close", into: &buffer)
    HeadWriter.writeFraming(.length(UInt64(answer.body.utf8.count)), into: &buffer)
    HeadWriter.endHead(&buffer)
    if !isHead { buffer.writeString(answer.body) }
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    isWritten = true
    // The other side closes when it has read; the deadline does otherwise.
    context.close(mode: hasNoMoreInput ? .all : .output, promise: nil)
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 421: "Misdirected Request"
    default: "Service Unavailable"
    }
  }
}
