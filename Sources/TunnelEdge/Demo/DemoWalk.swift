import Identity

/// `demo --check`: goes the whole way as a person would. ssh with the demo key, sign-in at the provider, Authorize on the
/// verify page, then the published page in the same browser.
struct DemoWalk {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  var sshArguments: [String]
  var appURL: String
  var email: String
  var password: String
  var certificateAuthority: String

  private static let patience: Duration = .seconds(60)

  func run() async throws {
    let fetcher = try CurlFetcher(configuration: .init(certificateAuthorityFile: certificateAuthority))
    var browser = DemoBrowser(fetcher: fetcher)
    let tunnel = try SSHProcess.start(arguments: sshArguments)
    defer { tunnel.stop() }

    say("ssh \(sshArguments.joined(separator: " "))")
    if let url = try await tunnel.signInURL(within: Self.patience) {
      say("sign in: \(url)")
      var page = try await signIn(at: try await browser.get(url), &browser)
      guard
        let form = WebForm.all(in: page.text).first(where: { form in form.buttons.contains { $0.value == "true" } }),
        let authorize = form.buttons.first(where: { $0.value == "true" })
      else { throw Failure(description: "expected the verify page at \(page.url), got \(page.status):\n\(page.text)") }
      page = try await browser.submit(form, of: page, setting: [:], button: authorize)
      guard page.status == 200 else {
        throw Failure(description: "Authorize was answered with \(page.status):\n\(page.text)")
      }
      say("authorized as \(email)")
    } else {
      say("the demo key is signed in already")
    }

    say("open \(appURL)")
    let deadline = ContinuousClock.now + Self.patience
    while true {
      let page = try await signIn(at: try await browser.get(appURL), &browser)
      if page.status == 200, page.text.contains("Hello world!"), page.text.contains(email) {
        say("200, and the page greets \(email)")
        return
      }
      guard page.status == 503, ContinuousClock.now < deadline, tunnel.isRunning else {
        throw Failure(
          description:
            "expected the sample page at \(page.url), got \(page.status):\n\(page.text)\nssh said:\n\(tunnel.output)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Fills in the provider's form when the page is one.
  private func signIn(at page: DemoBrowser.Page, _ browser: inout DemoBrowser) async throws -> DemoBrowser.Page {
    guard let form = WebForm.all(in: page.text).first(where: \.hasPassword) else { return page }
    return try await browser.submit(form, of: page, setting: ["login": email, "password": password])
  }

  private func say(_ text: String) {
    StandardError.write("check: \(text)")
  }
}
