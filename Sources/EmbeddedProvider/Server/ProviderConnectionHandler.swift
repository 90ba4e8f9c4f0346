import NIOCore
import NIOHTTP1

/// One connection: collects a request, has it answered, writes the answer. The pipeline in front of it lets one request
/// through at a time.
final class ProviderConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// Forms and token requests are small.
  private static let largestBody = 64 * 1024

  private let service: ProviderService
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []

  init(service: ProviderService) { self.service = service }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
    case .body(let buffer):
      guard head != nil else { return }
      guard body.count + buffer.readableBytes <= Self.largestBody else {
        head = nil
        write(.oauthError("invalid_request", "The request is too large.", status: 413), keepsAlive: false, in: context)
        return
      }
      body += buffer.readableBytesView
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, in: context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: HTTPRequestHead, in context: ChannelHandlerContext) {
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let request = ProviderRequest(
      method: head.method.rawValue, path: parts.first.map(String.init) ?? "/",
      query: FormFields(parts.count > 1 ? String(parts[1]) : ""),
      headers: head.headers.map { ($0.name.lowercased(), $0.value) }, body: body)
    body = []
    let service = service
    let keepsAlive = head.isKeepAlive
    let answered = context.eventLoop.makeFutureWithTask { await service.respond(to: request) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    answered.whenSuccess { response in
      let (handler, context) = bound.value
      handler.write(response, keepsAlive: keepsAlive, isHead: head.method == .HEAD, in: context)
    }
  }

  private func write(
    _ response: ProviderResponse, keepsAlive: Bool, isHead: Bool = false, in context: ChannelHandlerContext
  ) {
    var headers = HTTPHeaders(response.headers.map { ($0.name, $0.value) })
    headers.add(name: "content-length", value: String(response.body.count))
    headers.add(name: "x-content-type-options", value: "nosniff")
    if !keepsAlive { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !isHead, !response.body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
    }
    let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if !keepsAlive {
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      written.whenComplete { _ in bound.value.close(promise: nil) }
    }
  }
}
