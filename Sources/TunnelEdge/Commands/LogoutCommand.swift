import ArgumentParser
import Foundation

struct LogoutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logout",
    abstract: "Forgets the tokens that `login` keeps, and revokes them at their edges.",
    discussion: """
      Without a URL all of them. A token that could not be revoked because its edge cannot be reached is forgotten all the same; \
      it ends with your session there, and your account page lists it until then.
      """)

  @Argument(help: ArgumentHelp("The page that you signed in to.", valueName: "url"))
  var url: String?

  @Option(help: ArgumentHelp("Trusts these authorities instead of the system's.", valueName: "pem"))
  var caFile: String?

  func run() async throws {
    do {
      let files = try LoginFiles(environment: ProcessInfo.processInfo.environment)
      let paths = try url.map { [files.path(try LoginAddress($0))] } ?? files.all
      let fetcher = try ProgramLoginClient.fetcher(authorities: caFile)
      var isForgotten = false
      var isUnreachable = false
      for path in paths {
        guard let login = try files.read(path) else { continue }
        files.remove(path)
        isForgotten = true
        do {
          let wasLive = try await ProgramLoginClient.revoke(login, fetcher: fetcher)
          print(wasLive ? "Signed out of \(login.route)." : "Forgot \(login.route); the token had ended already.")
        } catch {
          StandardError.write("tunnel-edge logout: forgot \(login.route), but it is not revoked: \(error)")
          isUnreachable = true
        }
      }
      if !isForgotten { print("You are not signed in.") }
      if isUnreachable { throw EdgeExitCode.unavailable }
    } catch let error as LoginAddress.Mistake {
      StandardError.write("tunnel-edge logout: \(error.description); see tunnel-edge logout --help")
      throw EdgeExitCode.usage
    } catch let error as ProgramLoginClient.Failure {
      StandardError.write("tunnel-edge logout: \(error)")
      throw EdgeExitCode.unavailable
    } catch let error as LoginFiles.Failure {
      StandardError.write("tunnel-edge logout: \(error)")
      throw EdgeExitCode.inputOutput
    }
  }
}
