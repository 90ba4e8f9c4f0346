import NIOCore
import Routing

/// What is checked of one member, and how.
struct HealthPlan: Hashable {
  var route: RouteID
  var checks: [HealthCheck]
  var target: RouteTarget?
  var tls: UpstreamTLSSettings

  init(_ route: Route, target: RouteTarget?) {
    self.route = route.id
    checks = route.balance.healthChecks
    self.target = target
    tls = route.http.upstreamTLS
  }

  /// The Host of a check that names none: that of `to`.
  var host: String {
    guard let target, target.host != "non-existent-route" else { return "localhost" }
    return target.portIsExplicit ? "\(target.host):\(target.port)" : target.host
  }

  var scheme: String { target?.scheme == .https ? "https" : "http" }

  /// The check as this target needs it: who speaks HTTP/2 only is asked in HTTP/2.
  func dialog(_ check: HealthCheck) -> HealthDialog {
    var check = check
    if target?.scheme == .h2c, case .http(let path, let host, let expected, _) = check.probe {
      check.probe = .http(path: path, host: host, expected: expected, speaksHTTP2: true)
    }
    return HealthDialog(check, host: host, scheme: scheme)
  }
}

/// The checks of one member: their timers, their machines. On one loop; nothing of it stays after `stop`.
final class MemberChecks {
  private struct Running {
    var machine: HealthMachine
    var timer: Scheduled<Void>?
    var probe: HealthProbe?
  }

  private let plan: HealthPlan
  private let eventLoop: any EventLoop
  private let health: MemberHealth
  private let open: (HealthCheck) throws(StreamOpenFailure) -> any StreamOpener
  private let told: (MemberNews) -> Void
  private var running: [Running]
  private var isStopped = false

  /// `open`: what leads to the member, with TLS where it needs that. `told` of every outcome.
  init(
    _ plan: HealthPlan, of health: MemberHealth, on eventLoop: any EventLoop,
    open: @escaping (HealthCheck) throws(StreamOpenFailure) -> any StreamOpener,
    told: @escaping (MemberNews) -> Void
  ) {
    self.plan = plan
    self.health = health
    self.eventLoop = eventLoop
    self.open = open
    self.told = told
    running = plan.checks.map { Running(machine: HealthMachine($0)) }
  }

  func start() {
    for index in running.indices {
      let jitter = plan.checks[index].initialJitter
      schedule(index, after: jitter > 0 ? Int64.random(in: 0..<jitter) : 0)
    }
  }

  func stop() {
    isStopped = true
    for index in running.indices {
      running[index].timer?.cancel()
      running[index].timer = nil
      running[index].probe?.cancel()
      running[index].probe = nil
    }
  }

  private func schedule(_ index: Int, after milliseconds: Int64) {
    running[index].timer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
      self.run(index)
    }
  }

  private func run(_ index: Int) {
    guard !isStopped else { return }
    let check = plan.checks[index]
    let opener: any StreamOpener
    do throws(StreamOpenFailure) {
      opener = try open(check)
    } catch {
      return ended(index, HealthProbe.outcome(of: error))
    }
    let probe = HealthProbe(plan.dialog(check)) { [weak self] outcome in self?.ended(index, outcome) }
    running[index].probe = probe
    probe.start(through: opener, to: plan.target, timeout: check.timeout, on: eventLoop)
  }

  private func ended(_ index: Int, _ outcome: HealthMachine.Outcome?) {
    guard !isStopped else { return }
    running[index].probe = nil
    if let outcome {
      running[index].machine.take(outcome)
      let sum = HealthMachine.sum(of: running.lazy.map(\.machine))
      let before = (status: health.status, reason: health.reason)
      health.set(sum.status, reason: sum.reason)
      told(
        MemberNews(
          passed: outcome == .passed, status: sum.status, reason: sum.reason,
          isNews: before.reason != sum.reason || (before.status == .unhealthy) != (sum.status == .unhealthy)))
    }
    schedule(index, after: plan.checks[index].interval)
  }
}

@available(*, unavailable)
extension MemberChecks: Sendable {}

/// One check of a member is over.
struct MemberNews: Sendable {
  var passed: Bool
  /// What all its checks say together.
  var status: MemberHealth.Status
  var reason: String
  /// Whether it is worth telling: it fell ill, of something else, or is well again.
  var isNews: Bool
}
