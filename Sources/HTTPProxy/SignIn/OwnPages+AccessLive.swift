import HTTPWire
import Identity
import PlainText
import Policy
import Routing

/// The ssh connections of a person that live now, with their tunnels and shells, and ending one.
extension OwnPages {
  static let endConnectionPath = "/.pomerium/connection/end"

  /// An ssh connection and what was published through it.
  struct Live {
    let connection: LiveConnection
    let tunnels: [Binding]

    var object: JSONText {
      .object([
        ("id", .string(connection.id)), ("source_address", .string(connection.sourceAddress)),
        ("client", .string(connection.clientVersion)), ("key_fingerprint", .string(connection.keyFingerprint)),
        ("since", .string(PageTime.iso(connection.since))), ("shells", .integer(Int64(connection.shells))),
        (
          "tunnels",
          .list(
            tunnels.map { tunnel in
              .object([
                ("name", .string(tunnel.name.description)), ("published", .bool(tunnel.state.isAttached)),
                ("open_requests", .integer(Int64(tunnel.counters.openRequests))),
                ("bytes_to_publisher", .integer(Int64(clamping: tunnel.counters.bytesToPublisher))),
                ("bytes_from_publisher", .integer(Int64(clamping: tunnel.counters.bytesFromPublisher))),
              ])
            })
        ),
      ])
    }
  }

  /// Those of the person, or of one of their sessions.
  func live(_ session: Session, ofSessionOnly: Bool = false) async -> [Live] {
    guard let connections else { return [] }
    let own = await connections.connections(of: session.subject)
      .filter { !ofSessionOnly || $0.sessionID == session.id }
    guard !own.isEmpty else { return [] }
    let ids = Set(own.map(\.id))
    let tunnels = Dictionary(grouping: registry.bindings().filter { ids.contains($0.connectionID) }, by: \.connectionID)
    return own.map { connection in
      Live(
        connection: connection,
        tunnels: (tunnels[connection.id] ?? []).sorted { $0.name.description < $1.name.description })
    }
  }

  /// POST: ends one connection, if it is the caller's own.
  func endConnection(_ visitor: Visitor) async -> OwnResponse {
    switch access(visitor, names: "connectionID") {
    case .failure(let answered): return answered.response
    case .success(let (session, id)):
      guard let connections, await connections.end(connection: id, of: session.subject) else {
        return accessFailure(
          IdentityError(.forbidden, "You have no such connection. It may have ended by itself."), visitor.request)
      }
      return backToAccess(.connection)
    }
  }

  func liveList(_ live: [Live], _ form: AccessForm) -> HTML {
    guard !live.isEmpty else { return "<p>No ssh connection of yours is open.</p>\n" }
    return """
      \(live.map { entry($0, form) })<p class="small">A client that connects again by itself comes back. To keep it away, revoke its key.</p>

      """
  }

  private func entry(_ live: Live, _ form: AccessForm) -> HTML {
    let connection = live.connection
    let since = PageTime.text(connection.since)
    let tunnels: HTML =
      live.tunnels.isEmpty
      ? "" : "<ul class=\"plain\">\(live.tunnels.map { tunnelItem($0, more: Self.traffic($0)) })</ul>\n"
    let shells: HTML =
      switch connection.shells {
      case 0: ""
      case 1: "<div><dt>Shells</dt><dd>1</dd></div>\n"
      default: "<div><dt>Shells</dt><dd>\(connection.shells)</dd></div>\n"
      }
    let nothing: HTML = live.tunnels.isEmpty && connection.shells == 0 ? " · publishes nothing" : ""
    let button = form.button(
      "End", to: Self.endConnectionPath, field: "connectionID", value: connection.id,
      label: "End the connection from \(connection.sourceAddress) since \(since)")
    return """
      <section class="key" aria-label="Connection from \(connection.sourceAddress) since \(since)">
      <h3>ssh from <code>\(connection.sourceAddress)</code></h3>
      <p class="small"><code>\(connection.clientVersion)</code>\(nothing)</p>
      \(tunnels)<dl>
      <div><dt>Since</dt><dd>\(PageTime.element(connection.since, now: form.now))</dd></div>
      <div><dt>Key</dt><dd><code>\(connection.keyFingerprint)</code></dd></div>
      \(shells)</dl>
      \(button)
      </section>

      """
  }

  /// What went through a tunnel so far.
  private static func traffic(_ binding: Binding) -> HTML {
    let counters = binding.counters
    let open = counters.openRequests
    let now: HTML = open == 0 ? "" : "\(open) \(open == 1 ? "request" : "requests") now · " as HTML
    let (received, sent) = (ByteText.size(counters.bytesToPublisher), ByteText.size(counters.bytesFromPublisher))
    return "<br><span class=\"small\">\(now)\(received) from visitors, \(sent) to them</span>"
  }
}
