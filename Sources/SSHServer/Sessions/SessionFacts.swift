import Policy
import Routing

/// What commands and notices may tell a publisher about their own connection.
struct SessionFacts {
  let publisher: Publisher
  let bound: [Forward.Bound]
  let publishable: [PublishableRoute]
  let connectionID: String
  /// What could not be published, and why.
  let refusals: [String]
  /// Addresses of every tunnel of this sign-in, on other connections too. Looks through all tunnels of the edge.
  let allTunnels: () -> [String]
}
