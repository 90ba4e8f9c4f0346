import EdgeConfig
import Routing

extension RouteBalance {
  init(_ written: RouteBalanceConfiguration) {
    self.init()
    policy = written.policy.map { BalancePolicy($0) }
    panicThreshold = written.panicThreshold
    healthChecks = written.healthChecks.map { HealthCheck($0) }
    reconnectGrace = written.reconnectGrace
    pool =
      switch written.pool {
      case .shared: .shared
      case .session: .session
      case .off: .off
      }
  }
}

extension BalancePolicy {
  fileprivate init(_ written: RouteBalanceConfiguration.Policy) {
    switch written {
    case .roundRobin: self = .roundRobin
    case .leastRequest: self = .leastRequest
    case .random: self = .random
    case .ringHash: self = .ringHash
    case .maglev: self = .maglev
    }
  }
}

extension HealthCheck {
  fileprivate init(_ written: HealthCheckConfiguration) {
    switch written.probe {
    case .http(let path, let host, let expected, let speaksHTTP2):
      self.init(.http(path: path, host: host, expected: expected, speaksHTTP2: speaksHTTP2))
    case .tcp(let send, let receive): self.init(.tcp(send: send, receive: receive))
    case .grpc(let service, let authority): self.init(.grpc(service: service, authority: authority))
    }
    timeout = written.timeout
    interval = written.interval
    initialJitter = written.initialJitter
    unhealthyThreshold = written.unhealthyThreshold
    healthyThreshold = written.healthyThreshold
  }
}
