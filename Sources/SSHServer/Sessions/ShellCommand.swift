import Policy
import Routing
import SSHProtocol

/// A command given to ssh: `ssh edge whoami`.
struct ShellCommand {
  struct Result {
    var output: [String] = []
    var errors: [String] = []
    var status: UInt32 = 0
    /// The person signs out.
    var endsSession = false
  }

  static let usage = [
    "Commands: whoami, tunnels, routes, logout, help. Each takes --json.",
    "Publish a local service: ssh -N -R HOST:443:localhost:3000 EDGE",
  ]

  private let words: [String]
  private let wantsJSON: Bool

  init(_ text: String) {
    let all = text.split(separator: " ").map(String.init)
    wantsJSON = all.contains("--json")
    words = all.filter { $0 != "--json" }
  }

  func run(_ facts: SessionFacts) -> Result {
    guard words.count == 1, let word = words.first else { return unknown(words.joined(separator: " ")) }
    switch word {
    case "whoami": return whoami(facts)
    case "tunnels": return tunnels(facts)
    case "routes": return routes(facts)
    case "logout":
      var result = answer(
        ["Signed out. Every connection of this sign-in ends."], .object([("signed_out", .bool(true))]))
      result.endsSession = true
      return result
    case "help":
      return answer(Self.usage, .list(["whoami", "tunnels", "routes", "logout", "help"].map(JSONText.string)))
    default: return unknown(word)
    }
  }

  private func unknown(_ word: String) -> Result {
    Result(errors: ["Unknown command: \(word.printable(limit: 80))"] + Self.usage, status: 1)
  }

  private func answer(_ lines: [String], _ json: JSONText) -> Result {
    Result(output: wantsJSON ? [json.rendered] : lines)
  }

  private func whoami(_ facts: SessionFacts) -> Result {
    let subject = facts.publisher.subject
    let until = CalendarTime(subject.expiresAt).description
    let fields: [(String, String)] = [
      ("user", subject.displayName), ("user_id", subject.userID), ("issuer", subject.issuer),
      ("session_expires", until), ("key", facts.publisher.key.fingerprint), ("source", facts.publisher.sourceAddress),
      ("connection", facts.connectionID),
    ]
    return answer(
      fields.map { "\($0.0): \($0.1.printable())" }, .object(fields.map { ($0.0, .string($0.1)) }))
  }

  private func tunnels(_ facts: SessionFacts) -> Result {
    let lines = facts.bound.map {
      "\(ShellNotice.line($0))  \($0.counters.totalStreams) streams, \($0.counters.bytesFromPublisher) bytes out, "
        + "\($0.counters.bytesToPublisher) bytes in"
    }
    let json = facts.bound.map { bound in
      JSONText.object([
        ("url", .string(bound.url)), ("attached", .bool(bound.state.isAttached)),
        ("state", .string(ShellNotice.state(bound.state))), ("streams", .number(bound.counters.totalStreams)),
        ("bytes_from_publisher", .number(bound.counters.bytesFromPublisher)),
        ("bytes_to_publisher", .number(bound.counters.bytesToPublisher)),
      ])
    }
    return answer(lines.isEmpty ? ["Nothing is published on this connection."] : lines, .list(json))
  }

  private func routes(_ facts: SessionFacts) -> Result {
    let urls = facts.publishable.map(\.origin.url)
    return answer(urls.isEmpty ? ["You may publish nothing."] : urls, .list(urls.map(JSONText.string)))
  }
}
