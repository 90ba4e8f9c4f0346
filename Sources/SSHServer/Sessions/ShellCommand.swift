import PlainText
import Policy
import Routing
import SSHProtocol

/// A command given to ssh: `ssh edge whoami`.
struct ShellCommand {
  struct Result: Equatable {
    var output: [String] = []
    var errors: [String] = []
    var status: UInt32 = 0
    /// The person signs out.
    var endsSession = false
  }

  private enum Name: String, CaseIterable {
    case whoami, tunnels, routes, logout, help

    var does: String {
      switch self {
      case .whoami: "who you are signed in as, and until when"
      case .tunnels: "what this connection publishes, and how it stands"
      case .routes: "what you may publish"
      case .logout: "sign out, which ends every tunnel of this sign-in"
      case .help: "this text"
      }
    }
  }

  /// sysexits(3), and what a shell answers to a command it does not find.
  private static let usageError: UInt32 = 64
  private static let notFound: UInt32 = 127

  private let words: [String]
  private let wantsJSON: Bool

  init(_ text: String) {
    let all = text.split { $0 == " " || $0 == "\t" }.map(String.init)
    wantsJSON = all.contains("--json")
    words = all.filter { $0 != "--json" }
  }

  func run(_ facts: SessionFacts) -> Result {
    guard let word = words.first else { return help(facts) }
    guard let name = Name(rawValue: word) else { return unknown(word) }
    if let more = words.dropFirst().first {
      if more == "--help" || more == "-h" { return help(facts) }
      let text = "\(word) takes nothing but --json, not \(more.printable(limit: 80)). See: ssh EDGE help"
      return Result(errors: [text], status: Self.usageError)
    }
    switch name {
    case .whoami: return whoami(facts)
    case .tunnels: return tunnels(facts)
    case .routes: return routes(facts)
    case .logout: return logout(facts)
    case .help: return help(facts)
    }
  }

  private func unknown(_ word: String) -> Result {
    let names = Name.allCases.map(\.rawValue)
    var text = "Unknown command: \(word.printable(limit: 80))."
    if let nearest = nearestName(to: word, among: names) { text += " Did you mean \(nearest)?" }
    return Result(
      errors: [text, "Commands: \(names.joined(separator: ", ")). Each takes --json."], status: Self.notFound)
  }

  private func answer(_ lines: [String], _ json: JSONText) -> Result {
    Result(output: wantsJSON ? [json.text] : lines)
  }

  // MARK: Commands

  private func whoami(_ facts: SessionFacts) -> Result {
    let subject = facts.publisher.subject
    let fields: [(String, String)] = [
      ("user", subject.displayName), ("user_id", subject.userID), ("issuer", subject.issuer),
      ("session_expires", wantsJSON ? CivilTime(subject.expiresAt).text : CalendarTime(subject.expiresAt).description),
      ("key", facts.publisher.key.fingerprint), ("source", facts.publisher.sourceAddress),
      ("connection", facts.connectionID),
    ]
    return answer(
      fields.map { "\($0.0): \($0.1.printable())" }, .object(fields.map { ($0.0, .string($0.1)) }))
  }

  private func tunnels(_ facts: SessionFacts) -> Result {
    let lines = facts.bound.map { bound in
      let counters = bound.counters
      return "\(ShellNotice.line(bound))  \(counters.totalStreams) streams, "
        + "\(ShortText.bytes(counters.bytesToPublisher)) in, \(ShortText.bytes(counters.bytesFromPublisher)) out"
    }
    let json = facts.bound.map { bound in
      JSONText.object([
        ("url", .string(bound.url)), ("attached", .bool(bound.state.isAttached)), ("state", .string(bound.standing)),
        ("open_streams", .count(bound.counters.openStreams)),
        ("streams", .count(bound.counters.totalStreams)),
        ("bytes_to_publisher", .count(bound.counters.bytesToPublisher)),
        ("bytes_from_publisher", .count(bound.counters.bytesFromPublisher)),
      ])
    }
    return answer(lines.isEmpty ? ["Nothing is published on this connection."] : lines, .list(json))
  }

  private func routes(_ facts: SessionFacts) -> Result {
    let bound = Set(facts.bound.filter(\.state.isAttached).map(\.routeID))
    let offers = facts.publishable.flatMap { offer in offer.hosts.map { (route: offer, host: $0) } }
    let lines = offers.map { offer in
      let line = "\(offer.route.url(of: offer.host))  -R \(offer.route.forward(offer.host)):localhost:3000"
      return line.printable(limit: 600) + (bound.contains(offer.route.route.id) ? "  published here" : "")
    }
    let json = offers.map { offer in
      JSONText.object([
        ("url", .string(offer.route.url(of: offer.host))), ("forward", .string(offer.route.forward(offer.host))),
        ("published", .bool(bound.contains(offer.route.route.id))),
      ])
    }
    return answer(lines.isEmpty ? ["You may publish nothing."] : lines, .list(json))
  }

  /// Names what it ends (security rule 21).
  private func logout(_ facts: SessionFacts) -> Result {
    let who = facts.publisher.subject.displayName
    guard facts.publisher.subject.serviceAccount == nil else {
      return Result(
        errors: ["\(who.printable(limit: 120)) is a service account: its key signs it in, and nothing signs it out."],
        status: 1)
    }
    let ended = facts.allTunnels()
    var lines = ["Signed out \(who.printable(limit: 120))."]
    if ended.isEmpty {
      lines.append("No tunnel of this sign-in was open.")
    } else {
      lines.append("This ends \(ended.count == 1 ? "a tunnel" : "\(ended.count) tunnels"):")
      lines += ended.map { "  \($0.printable(limit: 300))" }
    }
    lines.append("The next ssh with this key asks to sign in again.")
    var result = answer(
      lines,
      .object([
        ("signed_out", .bool(true)), ("user", .string(who)), ("ended_tunnels", .list(ended.map(JSONText.string))),
      ]))
    result.endsSession = true
    return result
  }

  private func help(_ facts: SessionFacts) -> Result {
    answer(
      Self.usage(facts),
      .list(Name.allCases.map { .object([("command", .string($0.rawValue)), ("does", .string($0.does))]) }))
  }

  // MARK: Texts

  /// What a shell says when nothing is published.
  static func welcome(_ facts: SessionFacts) -> [String] {
    let who = facts.publisher.subject.displayName.printable(limit: 120)
    return ["Signed in as \(who) until \(CalendarTime(facts.publisher.subject.expiresAt)).", ""] + usage(facts)
  }

  private static func usage(_ facts: SessionFacts) -> [String] {
    let example = facts.publishable.first.flatMap { offer in offer.hosts.first.map(offer.forward) } ?? "HOST:443"
    let widest = Name.allCases.map(\.rawValue.count).max() ?? 0
    var lines = ["Publish a local service, and look at its requests:", "  ssh -R \(example):localhost:3000 EDGE", ""]
    lines.append("Commands, as in ssh EDGE whoami. Each takes --json:")
    lines += Name.allCases.map { name in
      "  \(name.rawValue)\(String(repeating: " ", count: widest - name.rawValue.count))  \(name.does)"
    }
    return lines
  }
}
