import Policy
import Routing

/// The few lines a shell shows: who is signed in, what is published and in what state.
enum ShellNotice {
  static func lines(_ facts: SessionFacts, refusals: [String], hasTerminal: Bool) -> [String] {
    let who = facts.publisher.subject.displayName.printable(limit: 120)
    var lines = ["Signed in as \(who) until \(CalendarTime(facts.publisher.subject.expiresAt))."]
    lines += facts.bound.map(line)
    lines += refusals.suffix(3).map { "Could not publish \($0)." }
    if facts.bound.isEmpty {
      lines.append("Nothing is published on this connection. Try: ssh -R HOST:443:localhost:3000 ...")
    }
    if hasTerminal { lines.append("Press q or Ctrl-C to end.") }
    return lines
  }

  static func line(_ bound: Forward.Bound) -> String { "\(bound.url)  \(state(bound.state))" }

  static func state(_ state: BindingState) -> String {
    switch state {
    case .attached: "published"
    case .detached(let reason): "not reachable: \(reason.rawValue)"
    }
  }
}
