import PlainText

/// The provider's three pages: the login form, the approval form and an error.
extension ProviderService {
  /// `failed` is the address a wrong password was typed for.
  func loginPage(id: String, client: String, failed: String?) -> ProviderResponse {
    let wrong: HTML =
      failed == nil
      ? "" : "<p class=\"wrong\" role=\"alert\" id=\"wrong\">The address or the password is not right.</p>\n"
    let invalid: HTML = failed == nil ? "" : " aria-invalid=\"true\" aria-describedby=\"wrong\""
    let emails = configuration.users.map { $0.email }
    let hint: HTML =
      emails.isEmpty
      ? ""
      : """
      <div class="hint">
      <p id="users">Users of this demo:</p>
      <ul aria-labelledby="users">\(emails.map { "<li>\($0)</li>" })</ul>
      <p>Their passwords stand in the terminal that runs the demo.</p>
      </div>
      """
    return ProviderPage.response(
      status: failed == nil ? 200 : 401, title: "Sign in",
      body: """
        <p class="eyebrow">Demo identity provider</p>
        <h1>Sign in</h1>
        <p class="lead">to continue to \(client)</p>
        \(wrong)<form method="post" action="\(configuration.issuer.path)/auth/local/login?state=\(id)">
        <input type="hidden" name="state" value="\(id)">
        <label for="login">Email address</label>
        <input id="login" name="login" type="email" value="\(failed ?? "")" autocomplete="username" required\
        \(failed == nil ? " autofocus" : "" as HTML)\(invalid)>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required\
        \(failed == nil ? "" : " autofocus" as HTML)\(invalid)>
        <button type="submit">Sign in</button>
        </form>
        \(hint)
        """)
  }

  func approvalPage(id: String, client: String, email: String, scopes: [String]) -> ProviderResponse {
    let words = [
      "email": "your email address", "profile": "your name", "groups": "your groups",
      "offline_access": "access while you are away",
    ]
    let items = scopes.compactMap { words[$0] }.map { "<li>\($0)</li>\n" as HTML }
    return ProviderPage.response(
      status: 200, title: "Grant access",
      body: """
        <p class="eyebrow">Demo identity provider</p>
        <h1>Grant access</h1>
        <p class="lead">\(client) would like to know about \(email):</p>
        <ul class="what">
        <li>who you are</li>
        \(items)</ul>
        <form method="post" action="\(configuration.issuer.path)/approval">
        <input type="hidden" name="state" value="\(id)">
        <button type="submit" name="approval" value="approve">Grant access</button>
        <button class="quiet" type="submit" name="approval" value="rejected">Cancel</button>
        </form>
        """)
  }

  func errorPage(_ status: Int, _ title: String, _ text: String) -> ProviderResponse {
    ProviderPage.response(
      status: status, title: title,
      body: """
        <p class="eyebrow">Demo identity provider</p>
        <h1>\(title)</h1>
        <p class="lead">\(text)</p>
        """)
  }
}
