import NIOCore
import NIOHTTP1
import NIOPosix
import PlainText

/// The web application that the demo publishes: one page on loopback that greets whoever the edge says is visiting.
package final class SampleService: Sendable {
  package let port: Int
  private let channel: any Channel

  /// Listens on 127.0.0.1 at the first free port from `preferredPort` on.
  package static func start(preferredPort: Int, group: any EventLoopGroup) async throws -> SampleService {
    let (channel, port) = try await FreePort.bind(from: preferredPort) { port in
      try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
            try channel.pipeline.syncOperations.addHandler(SamplePageHandler())
          }
        }
        .bind(host: "127.0.0.1", port: port).get()
    }
    return SampleService(channel: channel, port: port)
  }

  private init(channel: any Channel, port: Int) {
    self.channel = channel
    self.port = port
  }

  package func stop() async {
    try? await channel.close()
  }
}

/// Answers every request with the same page; the visitor's name comes from the header that the edge sets.
private final class SamplePageHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private var head: HTTPRequestHead?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context)
    }
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let visitor = head.headers.first(name: "X-Pomerium-Claim-Email") ?? "somebody"
    let body = ByteBuffer(
      string: Self.page(visitor: visitor, requestID: head.headers.first(name: "X-Request-Id")).source)
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: "text/html; charset=utf-8")
    headers.add(name: "Content-Length", value: String(body.readableBytes))
    headers.add(name: "Cache-Control", value: "no-store")
    let response = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    if !head.isKeepAlive { context.close(promise: nil) }
  }

  private static func page(visitor: String, requestID: String?) -> HTML {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Hello from localhost</title>
    <style>
    body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem }
    h1 { font-size: 2rem; line-height: 1.2 }
    small { opacity: .7 }
    </style>
    </head>
    <body>
    <main>
    <h1>Hello world!</h1>
    <p>This page runs on <strong>localhost</strong>, behind whatever network that is. It reached you through an
    <code>ssh -R</code> tunnel, and only because the edge knows you as <strong>\(visitor)</strong>.</p>
    <p><small>Request \(requestID ?? "without an id" as String)</small></p>
    </main>
    </body>
    </html>

    """
  }
}
