import PlainText
import Policy
import Routing

/// The lines of a shell without a screen.
enum ShellNotice {
  /// What is published first, so that the first word of the output is the address; five lines at most.
  static func lines(_ facts: SessionFacts) -> [String] {
    let most = 4
    var lines = facts.bound.prefix(facts.bound.count > most ? most - 1 : most).map(line)
    if facts.bound.count > lines.count { lines.append("and \(facts.bound.count - lines.count) more") }
    let who = facts.publisher.subject.displayName.printable(limit: 120)
    lines.append("Signed in as \(who) until \(CalendarTime(facts.publisher.subject.expiresAt)).")
    return lines
  }

  static func line(_ bound: Forward.Bound) -> String { "\(bound.url.printable(limit: 300))  \(bound.standing)" }

  /// `13:45:12 UTC  ann@example.com  GET app.example/path  200  12 ms  14 kB`
  static func line(_ record: TrafficRecord) -> String {
    let status = record.progress.status == 0 ? "-" : String(record.progress.status)
    var parts = [
      "\(ShortText.clock(record.startedAt)) UTC", record.visitor, "\(record.method) \(record.host)\(record.path)",
      status,
      ShortText.duration(record.ending?.durationMilliseconds ?? 0), ShortText.bytes(record.progress.bytesOut),
    ]
    let note = RequestTable.note(record)
    if !note.isEmpty { parts.append(note) }
    return parts.joined(separator: "  ")
  }
}
