import EdgeCrypto
import NIOCore
import Routing

/// Opens streams through another opener and speaks TLS on them.
struct TLSStreamOpener: StreamOpener {
  private static let handshakeTime = TimeAmount.seconds(10)

  let inner: any StreamOpener
  let context: TLSClientContext
  /// What the service's certificate must be for.
  let serverName: String

  var load: OpenerLoad? { inner.load }

  func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
    let context = context
    let serverName = serverName
    return inner.open(request, on: eventLoop).flatMap { opened in
      do throws(CryptoError) {
        let stream = try TLSStream(over: opened.value, context, serverName: serverName)
        let bound = NIOLoopBound<any ByteStream>(stream, eventLoop: eventLoop)
        let timeout = eventLoop.assumeIsolated().scheduleTask(in: Self.handshakeTime) { stream.giveUp(.timedOut) }
        return stream.start().always { _ in timeout.cancel() }.map { bound }
      } catch {
        opened.value.close(.reset)
        return eventLoop.makeFailedFuture(StreamOpenFailure.untrusted(error.description))
      }
    }
  }
}
