import NIOCore
import NIOPosix
import Routing

/// Opens plain TCP connections: the upstream of a route without a tunnel.
package struct TCPStreamOpener: StreamOpener {
  private let host: String
  private let port: Int
  private let connectTimeout: TimeAmount

  package init(host: String, port: Int, connectTimeout: TimeAmount = .seconds(10)) {
    self.host = host
    self.port = port
    self.connectTimeout = connectTimeout
  }

  package func open(_ request: StreamRequest, on eventLoop: any EventLoop)
    -> EventLoopFuture<NIOLoopBound<any ByteStream>>
  {
    let promise = eventLoop.makePromise(of: NIOLoopBound<any ByteStream>.self)
    ClientBootstrap(group: eventLoop)
      .connectTimeout(connectTimeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(TCPStream(channel: channel))
        }
      }
      .connect(host: host, port: port)
      .whenComplete { result in
        promise.completeWith(
          result.flatMap { channel in
            Result {
              let stream: any ByteStream = try channel.pipeline.syncOperations.handler(type: TCPStream.self)
              return NIOLoopBound(stream, eventLoop: eventLoop)
            }
          }.mapError { Self.failure($0) })
      }
    return promise.futureResult
  }

  private static func failure(_ error: any Error) -> StreamOpenFailure {
    if let failure = error as? StreamOpenFailure { return failure }
    if let failure = error as? ChannelError, case .connectTimeout = failure { return .timedOut }
    if let failure = error as? IOError, failure.errnoCode == EMFILE || failure.errnoCode == ENFILE {
      return .outOfResources
    }
    return .refused("\(error)")
  }
}
