import HTTPWire
import Identity
import PlainText
import Policy

/// What a program does with its token on the authenticate host: fetches it, and gives it back. No cookie counts here; whoever
/// knows the code and its verifier, or the token, is the program.
extension OwnPages {
  static let programTokenPath = "/.pomerium/api/v1/token"
  static let programLogoutPath = "/.pomerium/api/v1/logout"

  /// POST: a code and the verifier of its challenge (RFC 7636), once, within a minute.
  func redeemProgramCode(_ request: OwnRequest) -> OwnResponse {
    let form = QueryString.parse(String(decoding: request.body, as: UTF8.self))
    func only(_ name: String) -> String? {
      let values = form.filter { $0.0 == name }
      return values.count == 1 ? values.first?.1 : nil
    }
    guard let code = only("code"), let verifier = only("code_verifier"),
      let (token, record) = identity.redeemProgramCode(code, verifier: verifier)
    else {
      return .json(
        .object([
          ("error", .string("invalid_grant")),
          ("error_description", .string("The code was used, is too old, or belongs to another program.")),
          ("request_id", .string(request.requestID)),
        ]), status: 400)
    }
    return .json(
      .object([
        ("token", .string(token)), ("token_type", .string("Bearer")), ("user", .string(record.userName)),
        ("host", .string(record.host)), ("route", .string(record.route)),
        ("expires_at", .string(PageTime.iso(record.expiresAt))),
        ("expires_at_seconds", .integer(record.expiresAt.seconds)),
      ]))
  }

  /// POST with the token as a bearer: it is good for nothing from now on.
  func revokeProgramToken(_ request: OwnRequest) async -> OwnResponse {
    if case .one(let shown) = BearerReader.find(in: request.headers, takesSigned: false),
      await identity.revoke(shown: shown.token)
    {
      return .json(.object([("result", .string("revoked")), ("request_id", .string(request.requestID))]))
    }
    let why = "No live token of a program is shown."
    var response = OwnResponse.json(
      .object([
        ("error", .string("invalid_token")), ("message", .string(why)), ("request_id", .string(request.requestID)),
      ]), status: 401)
    response.headers.add("WWW-Authenticate", Self.tokenChallenge(realm: request.host, why))
    return response
  }
}
