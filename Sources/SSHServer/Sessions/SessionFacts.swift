import Policy
import Routing

/// What commands and notices may tell a publisher about their own connection.
struct SessionFacts {
  let publisher: Publisher
  let bound: [Forward.Bound]
  let publishable: [Route]
  let connectionID: String
}
