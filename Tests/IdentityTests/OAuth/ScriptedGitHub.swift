import EdgeCrypto
import Policy
import Synchronization

@testable import Identity

/// GitHub as its documentation has it, with one person, until a test changes an answer.
final class ScriptedGitHub: Fetcher {
  struct State {
    var login = "OctoCat"
    var number = 583_231.0
    var emails: [ClaimValue] = [
      ScriptedGitHub.email("spare@example.test", primary: false), ScriptedGitHub.email("octocat@example.test"),
    ]
    var teams: [String] = ["acme/platform", "acme/web"]
    /// Instead of the right answer, by path.
    var answers: [String: FetchResponse] = [:]
    var failure: FetchError.Kind?
    var tokenAsForm = false
    var expires: Int?
    var refreshToken = "ghr_1"
    var tokensGiven = 0
    /// Those that are good.
    var tokens: Set<String> = []
    var requests: [FetchRequest] = []
  }

  let state = Mutex(State())
  private let api: String
  private let web: String

  init(web: String = "https://github.com", api: String = "https://api.github.com") {
    self.web = web
    self.api = api
  }

  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  func requests(to path: String) -> [FetchRequest] {
    state.withLock { $0.requests.filter { Self.path($0.url).hasSuffix(path) } }
  }

  static func email(_ address: String, primary: Bool = true, verified: Bool = true) -> ClaimValue {
    .object(["email": .string(address), "primary": .bool(primary), "verified": .bool(verified), "visibility": .null])
  }

  static func json(_ status: Int, _ value: ClaimValue, _ headers: [(String, String)] = []) -> FetchResponse {
    FetchResponse(
      status: status, headers: [("Content-Type", "application/json; charset=utf-8")] + headers,
      body: JSONWriter.bytes(value))
  }

  static func problem(_ status: Int, _ message: String, _ headers: [(String, String)] = []) -> FetchResponse {
    json(status, .object(["message": .string(message)]), headers)
  }

  func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
    let response: FetchResponse? = state.withLock { state in
      state.requests.append(request)
      guard state.failure == nil else { return nil }
      let path = Self.path(request.url)
      if let answer = state.answers[path] { return answer }
      if request.url == web + "/login/oauth/access_token" { return token(&state, request) }
      guard request.url.hasPrefix(api) else { return FetchResponse(status: 404, body: []) }
      let authorization = request.headers.first { $0.name == "Authorization" }?.value ?? ""
      guard state.tokens.contains(String(authorization.dropFirst("Bearer ".count))) else {
        return Self.problem(401, "Bad credentials")
      }
      switch String(request.url.dropFirst(api.count).prefix { $0 != "?" }) {
      case "/user":
        return Self.json(
          200, .object(["id": .number(state.number), "login": .string(state.login), "name": .null, "email": .null]))
      case "/user/emails": return page(state.emails, request.url)
      case "/user/teams":
        return page(
          state.teams.map { team in
            let parts = team.split(separator: "/").map(String.init)
            return .object([
              "slug": .string(parts[1]), "name": .string("Any Name"),
              "organization": .object(["login": .string(parts[0])]),
            ])
          }, request.url)
      default: return Self.problem(404, "Not Found")
      }
    }
    guard let response else {
      throw FetchError(state.withLock { $0.failure } ?? .broken, url: request.url, reason: "as the test wants")
    }
    return response
  }

  private static func path(_ url: String) -> String {
    let rest = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
    return String(rest.prefix { $0 != "?" })
  }

  private func page(_ entries: [ClaimValue], _ url: String) -> FetchResponse {
    let query = Dictionary(QueryString.parse(url.drop { $0 != "?" }.dropFirst()), uniquingKeysWith: { $1 })
    let number = Int(query["page"] ?? "1") ?? 1
    let size = Int(query["per_page"] ?? "30") ?? 30
    let shown = entries.dropFirst((number - 1) * size).prefix(size)
    let hasMore = entries.count > number * size
    // The address that it names is a trap: whoever follows it takes the token elsewhere.
    let link = hasMore ? [("Link", "<https://evil.example/user/teams?page=9>; rel=\"next\"")] : []
    return Self.json(200, .list(Array(shown)), link)
  }

  private func token(_ state: inout State, _ request: FetchRequest) -> FetchResponse {
    let form = Dictionary(QueryString.parse(String(decoding: request.body, as: UTF8.self)), uniquingKeysWith: { $1 })
    func answer(_ members: [String: String]) -> FetchResponse {
      guard state.tokenAsForm else {
        return Self.json(200, .object(members.mapValues { Int($0).map { .number(Double($0)) } ?? .string($0) }))
      }
      return FetchResponse(
        status: 200, headers: [("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        body: Array(QueryString.encode(members.map { ($0.key, $0.value) }).utf8))
    }
    guard form["client_id"] == "edge", form["client_secret"] == "s3cret:+" else {
      return answer(["error": "incorrect_client_credentials", "error_description": "wrong"])
    }
    if form["grant_type"] == "refresh_token", form["refresh_token"] != state.refreshToken {
      return answer(["error": "bad_refresh_token", "error_description": "expired"])
    }
    if form["grant_type"] == nil, form["code"]?.hasPrefix("code-") != true {
      return answer(["error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."])
    }
    state.tokensGiven += 1
    let token = "gho_\(state.tokensGiven)"
    state.tokens.insert(token)
    var members = ["access_token": token, "token_type": "bearer", "scope": "read:org,user:email"]
    if let expires = state.expires {
      state.refreshToken = "ghr_\(state.tokensGiven)"
      members["expires_in"] = String(expires)
      members["refresh_token"] = state.refreshToken
    }
    return answer(members)
  }
}
