import ArgumentParser
import EdgeConfig
import Foundation
import Identity
import Policy

struct PolicyExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Says what a policy decides about a request, and which rule and criterion made it.",
    discussion: """
      Who may visit:
        tunnel-edge policy explain --email ann@example.com \\
          --route https://app.example.com/admin
      Who may publish:
        tunnel-edge policy explain --email ann@example.com --publish \\
          --route https://app.example.com
      A job, by its token:
        tunnel-edge policy explain --route https://app.example.com --publish \\
          --workload https://token.actions.githubusercontent.com \\
          --claim repository=acme/shop

      Nothing is asked over the network: the answer is what the edge would decide with this file. Without --email, --user, \
      --service-account and --workload nobody is signed in. A star marks the criteria that made the answer, with the place \
      where they stand. Exit code 0 whatever the answer is, or with --exit-code 1 when it is no; 64 when the question is \
      none, 78 when the file cannot be used. With --json, `allowed` tells.
      """)

  @Option(name: [.customShort("c"), .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "What is visited or published: a URL, a host, or the name or id of a route.", valueName: "url"))
  var route: String

  @Flag(help: "Asks who may open the tunnel (`ssh_policy`) instead of who may visit.")
  var publish = false

  @Option(help: ArgumentHelp("The address of whoever is signed in.", valueName: "address"))
  var email: String?

  @Flag(help: "The provider has not verified the address.")
  var emailUnverified = false

  @Option(help: ArgumentHelp("Their user id (`sub`).", valueName: "id"))
  var user: String?

  @Option(name: .customLong("group"), help: ArgumentHelp("One of their groups; may be repeated.", valueName: "name"))
  var groups: [String] = []

  @Option(
    name: .customLong("claim"),
    help: ArgumentHelp("A claim of theirs, JSON or plain text; may be repeated.", valueName: "name=value"))
  var claims: [String] = []

  @Option(help: ArgumentHelp("A service account instead of a person.", valueName: "name"))
  var serviceAccount: String?

  @Option(
    help: ArgumentHelp(
      "A job's token of this issuer instead of a person; --claim says what stands in it.", valueName: "issuer"))
  var workload: String?

  @Option(help: ArgumentHelp("The method of the visit.", valueName: "method"))
  var method = "GET"

  @Option(help: ArgumentHelp("The path of the visit, if the URL does not say it.", valueName: "path"))
  var path: String?

  @Option(help: ArgumentHelp("Where the request comes from.", valueName: "address"))
  var ip: String?

  @Option(help: ArgumentHelp("The name before the last @ of the ssh login.", valueName: "name"))
  var sshUsername: String?

  @Option(
    help: ArgumentHelp(
      "The ssh key that was proved: a .pub file, or the -cert.pub of a certificate.", valueName: "file"))
  var sshKey: String?

  @Option(help: ArgumentHelp("The moment of the request; now, if it is not given.", valueName: "2026-01-31T18:00:00Z"))
  var at: String?

  @Flag(help: "JSON for programs.")
  var json = false

  @Flag(help: "Exits with 1 when the answer is no.")
  var exitCode = false

  func run() throws {
    do {
      let environment = ProcessInfo.processInfo.environment
      let path = try ConfigurationPath.find(option: config, environment: environment)
      let load = EdgeConfiguration.load(path: path, environment: environment)
      guard let configuration = load.configuration else {
        for diagnostic in load.diagnostics where diagnostic.severity == .error { StandardError.write("\(diagnostic)") }
        throw EdgeExitCode.configuration
      }
      let routes = try AskedRoute.all(route, publish: publish, path: self.path, in: configuration)
      let subject = try subject(in: configuration)
      let answer = ExplainedAnswer(decisions: try routes.map { try decision($0, subject, in: configuration) })
      print(json ? try answer.json() : answer.text)
      if exitCode, !answer.isAllowed { throw ExitCode(1) }
    } catch let error as ConfigurationPath.NotFound {
      StandardError.write("tunnel-edge policy explain: \(error)")
      throw EdgeExitCode.configuration
    } catch let error as AskedRoute.Mistake {
      StandardError.write("tunnel-edge policy explain: \(error.description); see tunnel-edge policy explain --help")
      throw EdgeExitCode.usage
    }
  }

  private func decision(
    _ asked: AskedRoute, _ subject: Subject?, in configuration: EdgeConfiguration
  ) throws -> ExplainedDecision {
    if let ip, IPAddress(ip) == nil {
      throw AskedRoute.Mistake("--ip \(ip): no IP address; write it as 192.0.2.1 or 2001:db8::1")
    }
    var request = AccessRequest(subject: subject, sourceAddress: ip, now: try moment())
    if publish {
      request.sshUsername = sshUsername ?? ""
      request.forwardHost = asked.forwardedHost
    } else {
      request.sshUsername = sshUsername
      if !asked.isLogin {
        request.method = method
        request.path = asked.path
        request.certificate = configuration.listener.clientCertificates != nil ? .missing : .notAsked
      }
    }
    if let sshKey { try ShownKey(file: sshKey).show(in: &request) }
    let obstacles =
      publish
      ? EdgeObstacles(publishing: asked, request, in: configuration)
      : EdgeObstacles(visiting: asked, request, in: configuration)
    return ExplainedDecision(route: asked, request: request, obstacles: obstacles)
  }

  private func moment() throws -> UnixTime {
    guard let at else { return SystemClock.now() }
    guard let time = UnixTime(iso8601: at) else {
      throw AskedRoute.Mistake("`\(at)` is no moment; write it as 2026-01-31 or 2026-01-31T18:00:00Z")
    }
    return time
  }

  private func subject(in configuration: EdgeConfiguration) throws -> Subject? {
    let isPerson = email != nil || user != nil
    guard [isPerson, serviceAccount != nil, workload != nil].filter(\.self).count < 2 else {
      throw AskedRoute.Mistake("--email and --user, --service-account, --workload: who is it? Give one of the three")
    }
    let claims = try knownClaims()
    var account = serviceAccount
    if let workload {
      account = try AskedAccount(issuer: workload, claims: claims, in: configuration.serviceAccounts).name
    }
    guard isPerson || account != nil else {
      guard groups.isEmpty, claims.isEmpty else {
        throw AskedRoute.Mistake("--group and --claim need somebody who has them: add --email or --user")
      }
      return nil
    }
    return Subject(
      sessionID: "", issuer: "", userID: user ?? account ?? "", email: email, emailIsTrusted: !emailUnverified,
      groups: groups, claims: workload == nil ? claims : [:], serviceAccount: account,
      expiresAt: UnixTime(milliseconds: .max))
  }

  private func knownClaims() throws -> [String: ClaimValue] {
    var known: [String: ClaimValue] = [:]
    for claim in claims {
      let parts = claim.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw AskedRoute.Mistake("--claim \(claim): write it as name=value")
      }
      known[String(parts[0])] = ClaimValue(written: String(parts[1]))
    }
    return known
  }
}

extension ClaimValue {
  /// JSON, or whatever else it is as a text.
  fileprivate init(written text: String) {
    self = (try? JSONReader.parse(Array(text.utf8))) ?? .string(text)
  }
}
