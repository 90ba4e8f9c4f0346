import HTTPWire
import Identity
import Logging
import PlainText
import Policy

/// Where a job shows its token and gets access for an ssh key (security rule 14). For programs only: no cookie counts here, and
/// nothing is asked of the Origin, because who sends the request has put the token into it.
extension OwnPages {
  static let workloadKeyPath = "/.pomerium/api/v1/ssh_key"

  func bindWorkloadKey(_ request: OwnRequest) async -> OwnResponse {
    let form: WorkloadKeyForm
    do throws(WorkloadKeyForm.Problem) { form = try WorkloadKeyForm(request) } catch {
      return workloadError(error.text, status: error.status, request)
    }
    do throws(WorkloadRefusal) {
      let grant = try await identity.bindWorkloadKey(
        token: form.token, key: form.publicKey, source: request.remoteAddress)
      return .json(
        .object([
          ("service_account", .string(grant.binding.account)), ("fingerprint", .string(grant.binding.fingerprint)),
          ("expires_at", .string(CivilTime(grant.binding.expiresAt).text)),
          ("hosts", .list(grant.hosts.map { .string($0) })), ("request_id", .string(request.requestID)),
        ]))
    } catch {
      // Whoever asks too often must not fill the log.
      if error.kind != .tooMany {
        logger.notice(
          "workload token refused",
          metadata: [
            "request-id": "\(request.requestID)", "source": "\(request.remoteAddress)", "problem": "\(error)",
          ])
      }
      var response = workloadError(error.message, status: error.status, request)
      if error.kind == .untrusted {
        response.headers.add("WWW-Authenticate", Self.tokenChallenge(realm: request.host, error.message))
      }
      if let seconds = error.retryAfter { response.headers.add("Retry-After", String(seconds)) }
      return response
    }
  }

  private func workloadError(_ text: String, status: Int, _ request: OwnRequest) -> OwnResponse {
    .json(.object([("error", .string(text)), ("request_id", .string(request.requestID))]), status: status)
  }
}

/// What a job sends: `token` and `public_key`, as JSON or as a form, each once.
struct WorkloadKeyForm: Sendable, Equatable {
  let token: String
  let publicKey: String

  enum Problem: Error, Sendable, Equatable {
    case type, unreadable(String), incomplete, hasQuery

    var status: Int { self == .type ? 415 : 400 }

    var text: String {
      switch self {
      case .type: "Send application/json or application/x-www-form-urlencoded."
      case .unreadable(let why): "The body cannot be read: \(why)."
      case .incomplete: "Send `token` (the job's OIDC token) and `public_key` (the line of the .pub file), each once."
      case .hasQuery: "Nothing is taken from the query, which ends up in logs; send the token in the body."
      }
    }
  }

  init(_ request: OwnRequest) throws(Problem) {
    guard (request.query ?? "").isEmpty else { throw .hasQuery }
    let types = request.headers.values("content-type")
    guard types.count == 1, let written = types.first else { throw .type }
    let type = written.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
    let members: [(String, String)]
    switch type {
    case "application/json": members = try Self.members(request.body)
    case "application/x-www-form-urlencoded":
      guard let text = String(validating: request.body, as: UTF8.self) else { throw .unreadable("it is not UTF-8") }
      members = QueryString.parse(text)
    default: throw .type
    }
    token = try Self.only("token", of: members)
    publicKey = try Self.only("public_key", of: members)
  }

  private static func members(_ body: [UInt8]) throws(Problem) -> [(String, String)] {
    let value: ClaimValue
    do throws(JSONFault) { value = try JSONReader.parse(body) } catch { throw .unreadable(error.description) }
    guard case .object(let members) = value else { throw .incomplete }
    return members.compactMap { name, value in
      guard case .string(let text) = value else { return nil }
      return (name, text)
    }
  }

  /// Files end with a line break, which is no part of what they hold.
  private static func only(_ name: String, of members: [(String, String)]) throws(Problem) -> String {
    let values = members.filter { $0.0 == name }
    guard values.count == 1, let value = values.first?.1 else { throw .incomplete }
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
    var bytes = Array(value.utf8)[...]
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
    guard !bytes.isEmpty else { throw .incomplete }
    return String(decoding: bytes, as: UTF8.self)
  }
}
