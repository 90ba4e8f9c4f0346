import Policy
import Routing
import Synchronization

/// Counts the requests of one route, of each visitor and of all, and says when there are too many. Shared by the loops, so
/// that a limit is the same whichever loop a connection is on.
///
/// Each visitor is one time (until when what was asked for is paid, the generic cell rate algorithm of ITU-T I.371) and one
/// number (what is under way). Those whose time is over and who have nothing under way are forgotten when room is needed;
/// visitors for whom there is no room share one entry, so that the table cannot be flooded.
final class RequestGate: Sendable {
  enum Verdict: Equatable {
    case admitted
    /// Seconds until one more is paid for.
    case visitorIsFast(retryAfter: Int)
    case visitorHasTooMany
    case routeIsBusy(retryAfter: Int)
  }

  /// Visitors of a route that are remembered.
  static let mostVisitors = 65_536

  private struct Entry {
    /// Until when everything asked for is paid, in nanoseconds.
    var paid: UInt64 = 0
    var underWay = 0

    func isForgettable(_ now: UInt64) -> Bool { underWay == 0 && paid <= now }

    /// Seconds until another request is within the rate; `nil` when it is now.
    func wait(for rate: RequestRate?, _ now: UInt64) -> Int? {
      guard let rate else { return nil }
      let ahead = max(paid, now) - now
      guard ahead > rate.credit else { return nil }
      return Int(clamping: (ahead - rate.credit - 1) / 1_000_000_000 + 1)
    }

    mutating func add(_ rate: RequestRate?, _ now: UInt64) {
      underWay += 1
      if let rate { paid = max(paid, now) &+ rate.price }
    }
  }

  private struct State {
    var limits: RequestLimits
    var all = Entry()
    var visitors: [VisitorKey: Entry] = [:]
    var sweptAt: UInt64 = 0
    let mostVisitors: Int
  }

  private let state: Mutex<State>

  init(_ limits: RequestLimits, mostVisitors: Int = RequestGate.mostVisitors) {
    state = Mutex(State(limits: limits, mostVisitors: mostVisitors))
  }

  /// Other limits; what is under way stays counted.
  func configure(_ limits: RequestLimits) { state.withLock { $0.limits = limits } }

  var rememberedVisitors: Int { state.withLock { $0.visitors.count } }

  /// Asks for one more. `seat` is what it is counted under, to be given back with `leave`.
  func enter(_ visitor: VisitorKey, now: UInt64) -> (verdict: Verdict, seat: VisitorKey) {
    state.withLock { state in
      let limits = state.limits
      if limits.route.concurrent > 0, state.all.underWay >= limits.route.concurrent {
        return (.routeIsBusy(retryAfter: 1), visitor)
      }
      if let seconds = state.all.wait(for: limits.route.rate, now) {
        return (.routeIsBusy(retryAfter: seconds), visitor)
      }
      guard !limits.visitor.isUnlimited, visitor != .nobody else {
        state.all.add(limits.route.rate, now)
        return (.admitted, .nobody)
      }
      let seat = Self.seat(for: visitor, &state, now)
      var entry = state.visitors[seat] ?? Entry()
      if limits.visitor.concurrent > 0, entry.underWay >= limits.visitor.concurrent {
        return (.visitorHasTooMany, seat)
      }
      if let seconds = entry.wait(for: limits.visitor.rate, now) { return (.visitorIsFast(retryAfter: seconds), seat) }
      entry.add(limits.visitor.rate, now)
      state.visitors[seat] = entry
      state.all.add(limits.route.rate, now)
      return (.admitted, seat)
    }
  }

  func leave(_ seat: VisitorKey) {
    state.withLock { state in
      state.all.underWay -= 1
      guard var entry = state.visitors[seat] else { return }
      entry.underWay -= 1
      state.visitors[seat] = entry.underWay == 0 && entry.paid == 0 ? nil : entry
    }
  }

  private static func seat(for visitor: VisitorKey, _ state: inout State, _ now: UInt64) -> VisitorKey {
    guard state.visitors[visitor] == nil, state.visitors.count >= state.mostVisitors else { return visitor }
    // Looking through all of them is worth it once a second at most.
    if now &- state.sweptAt > 1_000_000_000 {
      state.sweptAt = now
      state.visitors = state.visitors.filter { !$0.value.isForgettable(now) }
      if state.visitors.count < state.mostVisitors { return visitor }
    }
    return .others
  }
}

/// Who is counted as one visitor.
enum VisitorKey: Hashable, Sendable {
  case person(issuer: String, userID: String)
  case source(SourceBlock)
  /// Those for whom there is no room of their own.
  case others
  /// Not counted by visitor.
  case nobody

  /// A person where signed in. `nil` for an address that is none.
  init(_ subject: Subject?, address: String) {
    if let subject {
      self = .person(issuer: subject.issuer, userID: subject.userID)
    } else if let ip = IPAddress(address) {
      self = .source(SourceBlock(ip))
    } else {
      self = .others
    }
  }
}
