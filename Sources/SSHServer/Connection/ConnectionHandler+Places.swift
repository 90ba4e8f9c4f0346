import Logging
import NIOCore
import Routing
import SSHProtocol

/// A stream that somebody wants through this connection.
struct WantedStream {
  let address: ForwardAddress
  let routeID: RouteID
  let request: StreamRequest
  let completion: (Result<ChannelStream, StreamOpenFailure>) -> Void
}

/// Visitors who wait because the client can hold no more channels.
extension ConnectionHandler {
  func waitForPlace(_ wanted: WantedStream, now: UInt64) {
    let wasIdle = !places.isWaitedFor
    guard let number = places.wait(wanted, isLasting: wanted.request.isLasting, now: now) else {
      return wanted.completion(.failure(.outOfResources))
    }
    isWaiting(wanted, number, armsTimer: wasIdle)
  }

  /// It had a place, and the client could not serve it.
  func waitForPlaceAgain(_ wanted: WantedStream, since: UInt64) {
    let number = places.waitFirst(wanted, isLasting: wanted.request.isLasting, since: since)
    isWaiting(wanted, number, armsTimer: true)
  }

  private func isWaiting(_ wanted: WantedStream, _ number: UInt64, armsTimer: Bool) {
    let handle = handle
    wanted.request.claim?.whenWithdrawn { handle.perform { $0.withdraw(number) } }
    tellDemand()
    if armsTimer { armPlaces() }
  }

  private func withdraw(_ number: UInt64) {
    guard let gone = places.remove(number) else { return }
    tellDemand()
    gone.request.completion(.failure(.outOfResources))
    endIfDrained()
  }

  /// A channel is over: whoever waits longest has its place.
  func admitWaiting() {
    guard places.isWaitedFor, case .open = phase else { return }
    while let next = places.next(
      taken: connection.channelsOpenedByUs, takenByLasting: lasting.count, now: SystemClock.monotonic())
    {
      let before = connection.channelsOpenedByUs
      open(next.request, since: next.since)
      // Not even asked: it waits again, and so does everybody behind it.
      if connection.channelsOpenedByUs == before, places.isWaitedFor { break }
    }
    tellDemand()
  }

  func clientRanOut() {
    places.ranOut(taken: connection.channelsOpenedByUs, now: SystemClock.monotonic())
    logger.info("ssh client is out of descriptors", metadata: ["channels": "\(places.cap)"])
  }

  func nobodyWaits() {
    for waiting in places.removeAll() { waiting.request.completion(.failure(.gone)) }
    tellDemand()
  }

  private func tellDemand() { handle.demand.update(waiting: places.waitingCount, since: places.oldestSince) }

  private func armPlaces() {
    guard let oldest = places.oldestSince else { return }
    let now = SystemClock.monotonic()
    let limit = oldest + ChannelPlaces<WantedStream>.patience
    let left = limit > now ? Int64(clamping: (limit - now) / 1_000_000) + 1 : 0
    timers.set(.places, in: left, on: handle) { handler in
      for late in handler.places.expired(now: SystemClock.monotonic()) {
        late.request.completion(.failure(.outOfResources))
      }
      handler.tellDemand()
      // Meanwhile the client may be trusted with one more.
      handler.admitWaiting()
      handler.armPlaces()
      handler.settle()
      handler.endIfDrained()
    }
  }
}
