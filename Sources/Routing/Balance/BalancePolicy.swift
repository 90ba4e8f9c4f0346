/// How one of several members is chosen that serve the same: the tunnels of a route, or the addresses of its `to`
/// (`load_balancing_policy`; for tunnels of routes without it `tunnel_balance`).
package enum BalancePolicy: Sendable, Hashable {
  /// By turns, as the weights say, spread evenly.
  case roundRobin
  /// Who has the fewest requests for its weight; equals take turns.
  case leastRequest
  case random
  /// A visitor stays with a member; when one leaves, only its visitors move (consistent hashing on a ring).
  case ringHash
  /// The same by a table after Maglev (NSDI 2016): spread more evenly, and few others move, too.
  case maglev
  /// The first one, until it is gone.
  case failover
}
