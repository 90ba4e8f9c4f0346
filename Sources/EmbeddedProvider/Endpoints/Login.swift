import EdgeCrypto
import Logging
import NIOPosix

/// The login form and, where the file wants one, the approval page. Both are bound to the browser that began by its cookie,
/// and both look at Origin: no other page can submit them.
extension ProviderService {
  func loginForm(_ request: ProviderRequest) -> ProviderResponse {
    guard let id = request.query["state"], let pending = pending(id, request) else { return lostSignIn() }
    return loginPage(id: id, client: clientName(pending), failed: nil)
  }

  func login(_ request: ProviderRequest) async -> ProviderResponse {
    let form = request.form
    guard isOwnOrigin(request) else { return foreignForm() }
    guard let form, let id = form["state"] ?? request.query["state"], let pending = pending(id, request) else {
      return lostSignIn()
    }
    let email = form["login"] ?? ""
    let password = form["password"] ?? ""
    let account = configuration.account(email: email)
    let hash = account?.hash ?? Bcrypt.ofNobody
    let isRight = try? await NIOThreadPool.singleton.runIfActive { Bcrypt.verifies(password, hash: hash) }
    guard let account, isRight == true else {
      logger.info("sign-in refused by the identity provider", metadata: ["reason": "wrong address or password"])
      return loginPage(id: id, client: clientName(pending), failed: email)
    }
    guard configuration.skipsApproval else {
      grants.setAccount(account, of: id)
      return .redirect(303, to: "\(configuration.issuer.path)/approval?state=\(id)")
    }
    return finish(id, account: account)
  }

  func approvalForm(_ request: ProviderRequest) -> ProviderResponse {
    guard let id = request.query["state"], let pending = pending(id, request), let account = pending.account else {
      return lostSignIn()
    }
    return approvalPage(id: id, client: clientName(pending), email: account.email, scopes: pending.scopes)
  }

  func approval(_ request: ProviderRequest) -> ProviderResponse {
    guard isOwnOrigin(request) else { return foreignForm() }
    guard let form = request.form, let id = form["state"], let pending = pending(id, request),
      let account = pending.account
    else { return lostSignIn() }
    guard form["approval"] == "approve" else {
      _ = grants.finish(id)
      var fields = [("error", "access_denied"), ("error_description", "The person said no.")]
      if let state = pending.state { fields.append(("state", state)) }
      return answer(fields, to: pending, id: id)
    }
    return finish(id, account: account)
  }

  private func clientName(_ request: AuthorizationRequest) -> String {
    configuration.client(id: request.clientID)?.name ?? request.clientID
  }

  /// Programs send no Origin; browsers do with every form.
  private func isOwnOrigin(_ request: ProviderRequest) -> Bool {
    guard request.headers.contains(where: { $0.name == "origin" }) else { return true }
    guard let origin = request.header("origin"), origin.hasPrefix("http://") else { return false }
    return issuer.isNamed(by: String(origin.dropFirst("http://".count)))
  }

  private func foreignForm() -> ProviderResponse {
    errorPage(403, "Not from here", "This form was sent by another page. Please start again from the application.")
  }

  private func lostSignIn() -> ProviderResponse {
    errorPage(
      400, "This sign-in is over",
      "It has expired, was finished already, or was begun in another browser. Go back to the application and start again."
    )
  }
}
