import EdgeCrypto
import NIOCore
import NIOHTTP1
import NIOPosix

/// Where a browser brings the code: a port of this machine that nobody else knows the path of (RFC 8252 section 7.3).
struct LoopbackListener {
  /// For `pomerium_redirect_uri`.
  let url: String
  private let channel: any Channel
  private let queries: AsyncStream<String>

  init(group: any EventLoopGroup, random: RandomSource) async throws {
    let path = "/" + Base64.encodeURL(random(16))
    let (queries, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(4))
    channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 8)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(LoopbackAnswer(path: path) { continuation.yield($0) })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.queries = queries
    url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)\(path)"
  }

  /// The query that the browser brings; `nil` when none came in time.
  func wait(atMost time: Duration) async -> String? {
    let queries = queries
    return await withTaskGroup(of: String?.self) { group in
      group.addTask {
        for await query in queries { return query }
        return nil
      }
      group.addTask {
        try? await Task.sleep(for: time)
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
  }

  func close() async { try? await channel.close() }
}

/// Takes what comes to the one path and says that the page can be closed.
private final class LoopbackAnswer: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let path: String
  private let take: @Sendable (String) -> Void

  init(path: String, take: @escaping @Sendable (String) -> Void) {
    self.path = path
    self.take = take
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let isExpected = head.method == .GET && parts.first.map(String.init) == path && parts.count == 2
    let query = isExpected ? String(parts[1]) : ""
    let text =
      isExpected
      ? query.contains("error=")
        ? "Nothing was given out. You may close this page." : "Go back to your terminal. You may close this page."
      : "There is nothing here."
    let body = "<!doctype html><meta charset=utf-8><title>tunnel-edge</title><p>\(text)</p>\n"
    let headers: HTTPHeaders = [
      "Content-Type": "text/html; charset=utf-8", "Content-Length": String(body.utf8.count),
      "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer", "Connection": "close",
    ]
    context.write(
      wrapOutboundOut(
        .head(HTTPResponseHead(version: .http1_1, status: isExpected ? .ok : .notFound, headers: headers))),
      promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
    let written = context.eventLoop.makePromise(of: Void.self)
    let channel = context.channel
    let take = take
    written.futureResult.whenComplete { _ in
      channel.close(promise: nil)
      if isExpected { take(query) }
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
  }
}
