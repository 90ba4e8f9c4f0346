import ArgumentParser
import EdgeCrypto
import Foundation
import NIOCore
import NIOPosix
import Policy

struct LoginCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "login",
    abstract: "Signs you in to a page behind an edge, for scripts: once, with your browser.",
    discussion: """
      Opens your browser (and prints the address, for when it cannot), waits until you have said yes there, and keeps the token \
      in a file that only you can read, under $XDG_STATE_HOME/tunnel-edge (~/.local/state/tunnel-edge).

      In a script:
        TOKEN=$(tunnel-edge login --print https://app.example.com)
        curl -H "Authorization: Bearer $TOKEN" https://app.example.com/api

      The token is good for this one route, for as long as your session lasts. It is listed on your account page, where you can \
      revoke it; `tunnel-edge logout` does the same from here. Once signed in, `login` asks nobody again: use --again for a \
      fresh token. A path names the route, where a host has several.
      """)

  @Argument(help: ArgumentHelp("The page, or its host.", valueName: "url"))
  var url: String

  @Flag(name: .long, help: "Prints the token and nothing else on standard output.")
  var print = false

  @Flag(help: "Signs in even if there is a token already.")
  var again = false

  @Flag(help: "Only prints the address to open, for a browser elsewhere on this machine.")
  var noBrowser = false

  @Option(help: ArgumentHelp("Trusts these authorities instead of the system's.", valueName: "pem"))
  var caFile: String?

  func run() async throws {
    do {
      let environment = ProcessInfo.processInfo.environment
      let address = try LoginAddress(url)
      let files = try LoginFiles(environment: environment)
      let now = SystemClock.now().seconds
      let old = again ? nil : try files.read(files.path(address))
      if let old, old.origin == address.origin, old.expiresAt > now + Self.margin {
        tell(old, isNew: false)
        return
      }
      let login = try await signIn(address, environment)
      try files.write(login, address)
      tell(login, isNew: true)
    } catch let error as LoginAddress.Mistake {
      StandardError.write("tunnel-edge login: \(error.description); see tunnel-edge login --help")
      throw EdgeExitCode.usage
    } catch let error as LoginFiles.Failure {
      StandardError.write("tunnel-edge login: \(error)")
      throw EdgeExitCode.inputOutput
    } catch let error as ProgramLoginClient.Failure {
      StandardError.write("tunnel-edge login: \(error)")
      throw error.kind == .unreachable ? EdgeExitCode.unavailable : ExitCode.failure
    }
  }

  private func signIn(_ address: LoginAddress, _ environment: [String: String]) async throws -> KeptLogin {
    let client = ProgramLoginClient(
      fetcher: try ProgramLoginClient.fetcher(authorities: caFile), random: SecureRandom.source)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let listener = try await LoopbackListener(group: group, random: SecureRandom.source)
    let question = try await client.signInAddress(address, returnTo: listener.url)
    let isOpened = !noBrowser && SystemBrowser.open(question.url, environment: environment)
    StandardError.write(isOpened ? "Your browser should show this address:" : "Open this address in your browser:")
    StandardError.write("\n  \(question.url)\n")
    let query = await listener.wait(atMost: Self.patience)
    await listener.close()
    try? await group.shutdownGracefully()
    guard let query else {
      throw ProgramLoginClient.Failure(
        kind: .refused, description: "nobody answered in the browser within ten minutes; start again")
    }
    return try await client.redeem(query: query, at: question.origin, for: address)
  }

  private func tell(_ login: KeptLogin, isNew: Bool) {
    if print { return Swift.print(login.token) }
    let moment = Date(timeIntervalSince1970: TimeInterval(login.expiresAt)).formatted(.iso8601)
    Swift.print(
      "\(isNew ? "Signed in" : "You are signed in already") to \(login.route) as \(login.user), until \(moment).")
  }

  /// A token that is about to end is of no use to a script, in seconds.
  private static let margin: Int64 = 60
  /// As long as the address is good.
  private static let patience = Duration.seconds(600)
}
