import HTTPWire
import Identity
import NIOCore
import Routing

/// What a route takes, and no more.
extension Exchange {
  /// Why the route does not take this request, before anything of it goes anywhere; else it is counted as under way.
  func limitMet(by plan: RoutePlan) -> VisitorRefusal? {
    let largest = plan.route.http.limits.bodyBytes
    if largest > 0, case .length(let length)? = head?.framing, length > largest {
      return .requestTooLarge(plan.route, limit: largest)
    }
    guard let gate = plan.gate, seat == nil else { return nil }
    let (verdict, key) = gate.enter(visitorKey, now: NIODeadline.now().uptimeNanoseconds)
    switch verdict {
    case .admitted:
      seat = (gate, key)
      return nil
    case .visitorIsFast(let seconds): return .tooManyRequests(plan.route, retryAfter: seconds)
    case .visitorHasTooMany: return .tooManyAtOnce(plan.route)
    case .routeIsBusy(let seconds): return .routeIsBusy(plan.route, retryAfter: seconds)
    }
  }

  /// What a trusted proxy sends without saying for whom stands for many people.
  private var visitorKey: VisitorKey {
    let subject = visitor?.session.subject
    if subject == nil, isFromTrustedProxy, clientAddress == peerAddress { return .nobody }
    return VisitorKey(subject, address: clientAddress)
  }

  func leaveSeat() {
    guard let (gate, key) = seat else { return }
    seat = nil
    gate.leave(key)
  }

  /// Whether the body that has come, announced by no length, is more than the route takes. If so the visitor has been told.
  func exceedsBodyLimit() -> Bool {
    guard let plan, case let limit = plan.route.http.limits.bodyBytes, limit > 0, bytesIn > limit else { return false }
    let refusal = VisitorRefusal.requestTooLarge(plan.route, limit: limit)
    if hasSentHead {
      loop.tally.refused(refusal)
      fail(logDetail: refusal.logDetail)
      side.abort()
    } else {
      side.closeAfterResponse()
      refuse(refusal)
    }
    return true
  }
}
