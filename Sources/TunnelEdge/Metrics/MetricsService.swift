import EdgeCrypto
import HTTPWire
import Policy

/// What the private listener answers to a request. No sockets here.
struct MetricsService: Sendable {
  struct Answer: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: String

    static func text(_ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []) -> Answer {
      Answer(status: status, headers: [("Content-Type", "text/plain; charset=utf-8")] + headers, body: body)
    }
  }

  /// Hash of `user:password`; without, whoever reaches the listener may read.
  private let credentials: [UInt8]?
  private let isReady: @Sendable () -> Bool
  /// What `/readyz` adds.
  private let note: @Sendable () -> String
  private let metrics: @Sendable () async -> String

  /// `credentials`: `user:password`.
  init(
    credentials: String?, isReady: @escaping @Sendable () -> Bool, note: @escaping @Sendable () -> String = { "" },
    metrics: @escaping @Sendable () async -> String
  ) {
    self.credentials = credentials.map { Digest.sha256($0) }
    self.isReady = isReady
    self.note = note
    self.metrics = metrics
  }

  func answer(_ head: RequestHead) async -> Answer {
    guard isForThisMachine(head) else {
      return .text(421, "Ask for this by an address or as localhost, or set `metrics_basic_auth`.\n")
    }
    guard isPermitted(head) else {
      return .text(
        401, "Send the user and password of `metrics_basic_auth`.\n",
        [("WWW-Authenticate", "Basic realm=\"tunnel-edge\", charset=\"UTF-8\"")])
    }
    guard head.method == .get || head.method == .head else {
      return .text(405, "Only GET and HEAD are possible here.\n", [("Allow", "GET, HEAD")])
    }
    switch head.path {
    case "/metrics":
      return Answer(status: 200, headers: [("Content-Type", ExpositionText.mediaType)], body: await metrics())
    case "/healthz": return .text(200, "OK\n")
    case "/readyz": return isReady() ? .text(200, "OK\n" + note()) : .text(503, "not ready\n" + note())
    default: return .text(404, "There are /metrics, /healthz and /readyz here.\n")
    }
  }

  /// Where nobody has to prove who they are, a page in a browser of this machine must not read by a name that it had
  /// resolved to 127.0.0.1.
  private func isForThisMachine(_ head: RequestHead) -> Bool {
    guard credentials == nil, let host = head.authority?.host else { return true }
    if host == "localhost" || host.hasSuffix(".localhost") { return true }
    return IPAddress(host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host) != nil
  }

  /// RFC 7617.
  private func isPermitted(_ head: RequestHead) -> Bool {
    guard let credentials else { return true }
    guard head.headers.count(.authorization) == 1, let field = head.headers.first(.authorization) else { return false }
    let words = field.split(separator: " ", omittingEmptySubsequences: true)
    guard words.count == 2, words[0].lowercased() == "basic", let sent = decodeBase64(words[1]) else { return false }
    return constantTimeEquals(Digest.sha256(sent), credentials)
  }
}
