import NIOCore

/// A visitor's request that may wait for a tunnel; what its limits count.
package struct TunnelWait: Sendable {
  package var routeID: RouteID
  package var host: HostName
  package var sessionID: String?
  /// Counted on public routes, where there is no session.
  package var address: String
  package var choice: TunnelChoice
  /// As for `TunnelRegistry.pick`: with what would be chosen there nobody waits here.
  package var excluding: Set<BindingID> = []
  package var publisher: Binding?

  package init(
    routeID: RouteID, host: HostName, sessionID: String?, address: String, choice: TunnelChoice = .init()
  ) {
    self.routeID = routeID
    self.host = host
    self.sessionID = sessionID
    self.address = address
    self.choice = choice
  }
}

/// What came of waiting.
package enum TunnelWaitResult: Sendable {
  /// It is back; where there are several, the choice begins anew.
  case binding(Binding)
  /// It did not come back in time.
  case graceOver
  /// Too many wait already.
  case tooMany
  /// The name is kept for nobody, or for nobody any more.
  case nothingToWaitFor
  case cancelled
}

/// A place among those who wait.
package struct TunnelWaiting: Sendable {
  package let result: EventLoopFuture<TunnelWaitResult>
  private let giveBack: @Sendable () -> Void

  init(result: EventLoopFuture<TunnelWaitResult>, giveBack: @escaping @Sendable () -> Void) {
    self.result = result
    self.giveBack = giveBack
  }

  /// Gives the place back; the result, if there is none yet, is `cancelled`.
  package func cancel() { giveBack() }
}
