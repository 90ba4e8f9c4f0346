import NIOCore
import Routing
import SSHProtocol

/// Opens streams through one connection for one binding.
struct TunnelOpener: StreamOpener {
  let connection: ConnectionHandle
  let address: ForwardAddress
  let routeID: RouteID
  private let ownLoad: OpenerLoad

  init(connection: ConnectionHandle, address: ForwardAddress, routeID: RouteID) {
    self.connection = connection
    self.address = address
    self.routeID = routeID
    ownLoad = OpenerLoad(demand: connection.demand)
  }

  var load: OpenerLoad? { ownLoad }

  func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
    let promise = eventLoop.makePromise(of: NIOLoopBound<any ByteStream>.self)
    connection.perform(
      { handler in
        handler.openStream(address, routeID, request) { result in
          switch result {
          case .success(let stream): LoopBridge.bridge(stream, to: eventLoop).cascade(to: promise)
          case .failure(let failure): promise.fail(failure)
          }
        }
      },
      whenGone: { promise.fail(StreamOpenFailure.gone) })
    return promise.futureResult
  }
}
