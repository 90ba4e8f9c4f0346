import Policy
import Routing

@testable import SSHServer

/// Models to draw, and a terminal kind for each.
enum ScreenFixture {
  static let start = UnixTime(seconds: 1_795_268_733)
  static let xterm = TerminalKind(name: "xterm-256color", modes: [], environment: [:])

  static func model(requests: Int, tunnels: Int = 1, running: Int = 0) -> ScreenModel {
    var model = ScreenModel()
    model.person = "ann@example.com"
    model.until = start.adding(seconds: 30_000)
    model.now = start.adding(seconds: 60)
    model.tunnels = Array(
      [
        ScreenModel.Tunnel(id: BindingID(1), url: "https://app.example", state: .published),
        ScreenModel.Tunnel(
          id: BindingID(2), url: "https://api.example",
          state: .detached("not reachable: somebody else publishes it now")),
        ScreenModel.Tunnel(
          id: BindingID(3), url: "https://docs.example:8443", state: .failing("your local service refused: no")),
        ScreenModel.Tunnel(id: BindingID(4), url: "https://*.dev.example", state: .published, hasFixedTarget: true),
      ].prefix(tunnels))
    let traffic = TunnelTraffic()
    traffic.watch(since: start) {}
    let statuses = [200, 404, 502, 304]
    for number in 0..<requests {
      let entry = traffic.begin(
        BindingID(1),
        TrafficRequest(
          startedAt: start.adding(seconds: Int64(number)), visitor: number % 2 == 0 ? "bob@example.com" : "192.0.2.7",
          method: number % 3 == 0 ? "POST" : "GET", host: "app.example", path: "/page/\(number)?secret=1"))
      let progress = TrafficProgress(
        status: statuses[number % 4], bytesIn: UInt64(number), bytesOut: UInt64(number * 1500), isUpgraded: false)
      if number >= requests - running {
        entry?.progressed(progress)
      } else {
        entry?.ended(
          progress,
          TrafficEnding(
            durationMilliseconds: Int64(number * 37), detail: number % 4 == 2 ? "service_refused" : "via_upstream"))
      }
    }
    model.traffic = traffic.snapshot(now: model.now) ?? TrafficSnapshot(since: start)
    return model
  }

  static func lines(_ model: ScreenModel, _ columns: Int, _ rows: Int, _ view: ScreenView = ScreenView()) -> [String] {
    ScreenRenderer(terminal: xterm, columns: columns, rows: rows).draw(model, view).lines
  }
}
