import HTTPWire
import NIOCore
import Routing

/// A visitor on the port for plain HTTP (`http_redirect_addr`): told where the same address is served, and nothing else.
///
/// One request a connection; names that are not served here are not confirmed by a redirect.
final class RedirectConnection: ChannelInboundHandler, LoopConnection {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private static let lingerTime = TimeAmount.seconds(2)

  private let loop: LoopState
  private var context: ChannelHandlerContext?
  private var reader = RequestReader()
  private var inbound = ByteBuffer()
  private let since: NIODeadline
  private var answeredAt: NIODeadline?

  init(loop: LoopState) {
    self.loop = loop
    since = loop.now
  }

  var exchanges: [Exchange] { [] }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.add(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    loop.remove(self)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard answeredAt == nil else { return }
    let bytes = unwrapInboundIn(data)
    if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeImmutableBuffer(bytes) }
    do throws(WireError) {
      guard case .head(let head)? = try reader.next(from: &inbound) else { return }
      answer(head)
    } catch {
      send(status: error.status, location: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Whoever hangs up gives its place back at once; an answer of a few bytes has left by then.
    if let event = event as? ChannelEvent, event == .inputClosed {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: RequestHead) {
    guard let authority = head.authority, head.method != .connect, head.target.utf8.first == ByteClass.slash else {
      send(status: 400, location: nil)
      return
    }
    _ = loop.routes()
    let host = loop.host(Authority(host: authority.host))
    guard let name = host.name, host.isServed || host.isAuthenticateHost else {
      send(status: 404, location: nil)
      return
    }
    let port = host.isAuthenticateHost ? loop.configuration.authenticatePort : host.firstRoute?.origin.port
    let suffix = port.map { $0 == 443 ? "" : ":\($0)" } ?? ""
    // 308 keeps the method: a form that was sent here must not turn into a GET.
    send(status: 308, location: "https://\(name.text)\(suffix)\(head.target)")
  }

  private func send(status: Int, location: String?) {
    guard let context else { return }
    answeredAt = .now()
    inbound = ByteBuffer()
    var buffer = ByteBuffer()
    HeadWriter.writeStatusLine(status: status, reason: ResponseHead.reason(of: status), into: &buffer)
    if let location { HeadWriter.writeField("Location", location, into: &buffer) }
    buffer.writeString("Content-Length: 0\r\nConnection: close\r\n")
    HeadWriter.endHead(&buffer)
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    // What is still unread would reset the connection, and take the answer with it.
    context.close(mode: .output, promise: nil)
  }

  // MARK: LoopConnection

  func tick(_ now: NIODeadline) {
    if let answeredAt {
      if now - answeredAt > Self.lingerTime { context?.close(promise: nil) }
    } else if now.isPast(since, by: loop.configuration.readTimeout) {
      context?.close(promise: nil)
    }
  }

  func drain() { context?.close(promise: nil) }
  func end() { context?.close(promise: nil) }
}
