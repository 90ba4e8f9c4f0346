import HTTPWire
import Identity
import Logging
import PlainText
import Policy
import Routing

/// The link that ssh prints leads here. Looking approves nothing; only the form does, sent by the browser session that opened
/// the page (security rule 10).
extension OwnPages {
  /// GET: sign in if need be, then the page.
  func verifyPage(_ code: String, _ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    guard let session = visitor.session else {
      // A dead link says so at once; nobody has to sign in for that.
      if let problem = pendingProblem(code) { return codeFailure(problem, request) }
      return await signInFirst(visitor, thenTo: "/.pomerium/sign_in?user_code=" + QueryString.percentEncode(code))
    }
    do throws(IdentityError) {
      let pending = try identity.markOpened(code: code, by: session)
      guard RequestAudience(request).wantsHTML else { return pendingObject(pending, request) }
      if let digits = pending.digits, pending.mayApprove(session) { return digitsPage(digits, pending, request) }
      return VerifyPage(
        pending: pending, session: session, browserAddress: request.remoteAddress, now: clock(),
        authenticateURL: identity.authenticateURL, hostKeys: hostKeys(pending),
        token: identity.csrfToken(session: session, purpose: Self.purpose(code))
      ).response(requestID: request.requestID)
    } catch {
      return codeFailure(error, request)
    }
  }

  /// POST: Deny or Authorize.
  func decide(_ code: String, _ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    let form: OwnForm
    switch ownForm(request) {
    case .success(let read): form = read
    case .failure(let problem): return formFailure(problem, request)
    }
    guard let session = visitor.session else {
      return signInNeeded(
        request, at: authenticateURL("/.pomerium/sign_in", [("user_code", code)]))
    }
    guard let token = form["csrf"], identity.checkCSRF(token, session: session, purpose: Self.purpose(code)) else {
      return formFailure(.foreignOrigin, request)
    }
    do throws(IdentityError) {
      switch form["confirm"] {
      case "true":
        // A form without the question is one of a program that knows the reference's.
        let remembersKey = form["remember"] == "session" || !form.fields.contains { $0.0 == "remember" }
        let approval = try await identity.approve(
          code: code, session: session, browserAddress: request.remoteAddress, remembersKey: remembersKey)
        switch approval {
        case .granted(let binding): return grantedPage(binding, session, request)
        case .confirmInTerminal(let digits):
          return digitsPage(digits, try identity.pendingSSHSignIn(code: code), request)
        }
      case "false":
        try identity.deny(code: code, session: session)
        return deniedPage(request)
      default:
        return refusal(.badRequest("The form says neither yes nor no."), request, session: nil)
      }
    } catch {
      return codeFailure(error, request)
    }
  }

  private static func purpose(_ code: String) -> String { "ssh-sign-in:" + code }

  private func pendingProblem(_ code: String) -> IdentityError? {
    do throws(IdentityError) {
      _ = try identity.pendingSSHSignIn(code: code)
      return nil
    } catch {
      return error
    }
  }

  private func hostKeys(_ pending: PendingSSHSignIn) -> [String] {
    let configured = configuration.hostKeyFingerprints
    return configured.isEmpty ? pending.hostKeyFingerprints : configured
  }

  private func codeFailure(_ error: IdentityError, _ request: OwnRequest) -> OwnResponse {
    let more: HTML =
      error.status == 400 || error.kind == .notConfirmed
      ? "<p>If you want to sign in with ssh, start the ssh command again and open the new link that it prints.</p>\n"
      : "<div class=\"actions\"><a class=\"button\" href=\"/.pomerium/session_binding_info\">Your keys</a></div>\n"
    return failure(error, request, more: more)
  }

  private func pendingObject(_ pending: PendingSSHSignIn, _ request: OwnRequest) -> OwnResponse {
    .json(
      .object([
        ("scope", .string(pending.scope.rawValue)), ("key_type", .string(pending.keyType)),
        ("key_fingerprint", .string(pending.keyFingerprint)), ("source_address", .string(pending.sourceAddress)),
        ("client", .string(pending.clientVersion)), ("created_at", .string(PageTime.iso(pending.createdAt))),
        ("expires_at", .string(PageTime.iso(pending.expiresAt))), ("request_id", .string(request.requestID)),
      ]))
  }

  // MARK: What came of it

  private func grantedPage(_ binding: KeyBinding, _ session: Session, _ request: OwnRequest) -> OwnResponse {
    guard RequestAudience(request).wantsHTML else {
      return .json(
        .object([
          ("result", .string("authorized")), ("key_fingerprint", .string(binding.fingerprint)),
          ("expires_at", .string(PageTime.iso(binding.expiresAt))), ("request_id", .string(request.requestID)),
        ]))
    }
    let now = clock()
    let what = binding.scope == .edge ? "publish and use the edge" : "log in to hosts"
    let memory: HTML =
      binding.isRemembered
      ? "Until your session ends, its new connections are let in without asking."
      : "It is not remembered: its next connection asks again."
    return Page(
      title: "Signed in",
      content: """
        <p class="eyebrow">Done</p>
        <h1>You are signed in. Go back to your terminal.</h1>
        <p class="lead">This key may \(what) as <strong>\(session.subject.displayName)</strong>. \(memory)</p>
        <dl>
        <div><dt>Key</dt><dd>\(binding.keyType)<br><code>\(binding.fingerprint)</code></dd></div>
        <div><dt>From</dt><dd><code>\(binding.sourceAddress)</code></dd></div>
        <div><dt>Until</dt><dd>\(PageTime.element(binding.expiresAt, now: now))</dd></div>
        </dl>
        <div class="actions"><a class="button" href="/.pomerium/session_binding_info">Keys and sessions</a>\
        <a class="button" href="/.pomerium/">Your account</a></div>

        """, requestID: request.requestID
    ).response()
  }

  private func deniedPage(_ request: OwnRequest) -> OwnResponse {
    guard RequestAudience(request).wantsHTML else {
      return .json(.object([("result", .string("denied")), ("request_id", .string(request.requestID))]))
    }
    return Page(
      title: "Denied",
      content: """
        <p class="eyebrow">Denied</p>
        <h1>The sign-in was refused.</h1>
        <p class="lead">The ssh connection is told so and ends. Nothing was allowed.</p>
        <p>If you did not start it, somebody else sent you that link. Tell whoever looks after this edge; the request number below \
        helps to find out who it was.</p>
        <div class="actions"><a class="button" href="/.pomerium/session_binding_info">Your keys</a></div>

        """, requestID: request.requestID
    ).response()
  }

  /// Where the two addresses differ and the key is new, the person proves to sit at both ends (security rule 10).
  private func digitsPage(_ digits: String, _ pending: PendingSSHSignIn, _ request: OwnRequest) -> OwnResponse {
    guard RequestAudience(request).wantsHTML else {
      return .json(
        .object([
          ("result", .string("confirm_in_terminal")), ("digits", .string(digits)),
          ("request_id", .string(request.requestID)),
        ]))
    }
    let half = digits.utf8.count / 2
    let spoken = digits.map(String.init).joined(separator: " ")
    return Page(
      title: "Type these digits",
      content: """
        <p class="eyebrow">One more step</p>
        <h1>Type these digits into your ssh prompt</h1>
        <p class="lead">They prove that this browser and the terminal are both yours. Nothing is allowed until they are typed.</p>
        <p><span class="digits" aria-hidden="true">\(String(digits.prefix(half))) \(String(digits.dropFirst(half)))</span>\
        <span class="hidden">\(spoken)</span></p>
        <div class="note warn"><p><strong>Never tell them to anybody.</strong> Type them only into a terminal that you opened yourself. \
        Nobody who helps you needs them.</p></div>
        <p class="small timer" id="countdown" data-seconds="\(Int(pending.expiresAt.seconds - clock().seconds))" role="timer">Valid until \
        \(PageTime.text(pending.expiresAt)).</p>

        """, requestID: request.requestID, hasCountdown: true
    ).response()
  }

  // MARK: Forms

  func ownForm(_ request: OwnRequest) -> Result<OwnForm, OwnForm.Problem> {
    do throws(OwnForm.Problem) {
      return .success(try OwnForm(request, origin: identity.authenticateURL))
    } catch {
      return .failure(error)
    }
  }

  /// A form that is not ours: nothing was done.
  func formFailure(_ problem: OwnForm.Problem, _ request: OwnRequest) -> OwnResponse {
    switch problem {
    case .notAForm: return refusal(.badRequest("This page takes forms only."), request, session: nil)
    case .foreignOrigin:
      logger.notice(
        "form refused",
        metadata: [
          "request-id": "\(request.requestID)", "path": "\(request.path.printable())",
          "origin": "\((request.headers.first("origin") ?? "").printable())", "client": "\(request.remoteAddress)",
        ])
      return message(
        request, status: 403, error: "foreign_form", title: "This form is not valid any more",
        text: "It was made for another session, or it was sent by another page. Nothing was changed.",
        more: "<div class=\"actions\"><a class=\"button primary\" href=\"/.pomerium/\">Your account</a></div>\n")
    }
  }
}
