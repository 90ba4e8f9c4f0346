import EdgeCrypto
import Foundation
import Identity
import PlainText

/// The program's side of programmatic login: asks for an address to open, and changes what the browser brings for a token.
struct ProgramLoginClient {
  struct Failure: Error, CustomStringConvertible {
    enum Kind { case unreachable, refused }
    var kind: Kind
    var description: String
    /// A token that must not be kept.
    var unwanted: KeptLogin?
  }

  let fetcher: CurlFetcher
  /// PKCE (RFC 7636): the code is worth nothing to whoever else sees it.
  let verifier: String

  init(fetcher: CurlFetcher, random: RandomSource) {
    self.fetcher = fetcher
    verifier = Base64.encodeURL(random(32))
  }

  /// The address that a person must open, and the origin it is at.
  func signInAddress(_ address: LoginAddress, returnTo target: String) async throws(Failure) -> (
    url: String, origin: String
  ) {
    var query = [
      ("pomerium_redirect_uri", target), ("code_challenge", Base64.encodeURL(Digest.sha256(verifier))),
      ("code_challenge_method", "S256"),
    ]
    if address.path != "/" { query.append(("path", address.path)) }
    let answer = try await Self.fetch(
      FetchRequest(.get, "\(address.origin)/.pomerium/api/v1/login?\(QueryString.encode(query))"), fetcher)
    let text = String(decoding: answer.body, as: UTF8.self).trimmingCharacters(in: .newlines)
    guard answer.status == 200, text.utf8.count <= 8192, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let parts = URLComponents(string: text), parts.scheme == "https", let host = parts.host, !host.isEmpty
    else {
      let reason = Self.member("detail", of: answer) ?? Self.member("message", of: answer)
      throw Failure(
        kind: .refused,
        description: "\(address.origin) answers \(answer.status) instead of a sign-in address: "
          + (reason ?? "is that a host behind an edge?"))
    }
    return (text, "https://\(host)" + (parts.port.map { ":\($0)" } ?? ""))
  }

  /// The token for the code that the browser brought.
  func redeem(query: String, at origin: String, for address: LoginAddress) async throws(Failure) -> KeptLogin {
    let pairs = QueryString.parse(query)
    if let error = pairs.first(where: { $0.0 == "error" })?.1 {
      throw Failure(
        kind: .refused, description: error == "access_denied" ? "you said no in the browser" : "the edge refused")
    }
    let codes = pairs.filter { $0.0 == "code" }
    guard codes.count == 1, let code = codes.first?.1 else {
      throw Failure(kind: .refused, description: "the browser brought no code; the edge may be older than this program")
    }
    let form = QueryString.encode([("code", code), ("code_verifier", verifier)])
    let answer = try await Self.fetch(
      FetchRequest(
        .post, "\(origin)/.pomerium/api/v1/token", headers: [("Content-Type", "application/x-www-form-urlencoded")],
        body: Array(form.utf8)), fetcher)
    do throws(Failure) { return try Self.login(status: answer.status, answer.body, from: origin, for: address) } catch {
      if let unwanted = error.unwanted { _ = try? await Self.revoke(unwanted, fetcher: fetcher) }
      throw error
    }
  }

  /// What an edge's answer gives. A token for another host than the one that was asked is not kept: that host has led us to
  /// somebody else's edge, and scripts would show it their token from then on (RFC 9700 section 4.4, mix-up).
  static func login(
    status: Int, _ body: [UInt8], from origin: String, for address: LoginAddress
  ) throws(Failure) -> KeptLogin {
    let answer = FetchResponse(status: status, body: body)
    guard status == 200, let token = member("token", of: answer), EdgeToken(token) != nil,
      let expiry = number("expires_at_seconds", of: answer)
    else {
      throw Failure(
        kind: .refused, description: member("error_description", of: answer) ?? "\(origin) gave no token for the code")
    }
    let login = KeptLogin(
      origin: address.origin, authenticateOrigin: origin, route: member("route", of: answer) ?? address.origin,
      user: member("user", of: answer) ?? "", token: token, expiresAt: expiry)
    guard let host = member("host", of: answer), host == address.host else {
      throw Failure(
        kind: .refused,
        description:
          "\(address.origin) led to a token for \(member("host", of: answer) ?? "no host"), which it must not see: "
          + "the token was given back; do not trust that page",
        unwanted: login)
    }
    return login
  }

  /// - Returns: false: the edge did not know it any more.
  static func revoke(_ login: KeptLogin, fetcher: CurlFetcher) async throws(Failure) -> Bool {
    let request = FetchRequest(
      .post, "\(login.authenticateOrigin)/.pomerium/api/v1/logout",
      headers: [("Authorization", "Bearer \(login.token)")])
    switch try await fetch(request, fetcher).status {
    case 200: return true
    case 401: return false
    case let status: throw Failure(kind: .unreachable, description: "\(login.authenticateOrigin) answers \(status)")
    }
  }

  /// libcurl, trusting the authorities in a PEM file instead of the system's.
  static func fetcher(authorities: String?) throws(Failure) -> CurlFetcher {
    do throws(FetchError) {
      return try CurlFetcher(configuration: .init(certificateAuthorityFile: authorities))
    } catch {
      throw Failure(kind: .unreachable, description: error.description)
    }
  }

  private static func fetch(_ request: FetchRequest, _ fetcher: CurlFetcher) async throws(Failure) -> FetchResponse {
    do throws(FetchError) { return try await fetcher.fetch(request) } catch {
      throw Failure(kind: .unreachable, description: error.description)
    }
  }

  private static func object(_ answer: FetchResponse) -> [String: Any]? {
    (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any]
  }

  /// A text, fit for a terminal: whoever answers may be anybody.
  private static func member(_ name: String, of answer: FetchResponse) -> String? {
    (object(answer)?[name] as? String)?.printable(limit: 600)
  }

  private static func number(_ name: String, of answer: FetchResponse) -> Int64? {
    (object(answer)?[name] as? NSNumber)?.int64Value
  }
}
