import ArgumentParser
import EdgeConfig
import EdgeCrypto
import Foundation
import Identity

struct HealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health",
    abstract: "Asks a running edge whether it is ready: exit code 0 if so, 1 if not.",
    discussion: """
      For health checks of containers. Asks for /readyz at the `metrics_address` of the configuration file, with \
      `metrics_basic_auth` if that is set; without one at `address`, in the name of the authenticate host. The file is found \
      as `run` finds it.
      """)

  @Option(name: [.customShort("c"), .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("Asks this address instead; no configuration is read.", valueName: "url"))
  var url: String?

  func run() async throws {
    do {
      let question = try question()
      let answer = try await CurlFetcher(configuration: question.fetcher).fetch(question.request)
      guard answer.status == 200 else {
        throw HealthProblem(description: Self.words(for: answer.status, question.request.url))
      }
      print("\(question.request.url): ready")
    } catch {
      StandardError.write("tunnel-edge health: \(error)")
      throw ExitCode.failure
    }
  }

  private func question() throws -> HealthQuestion {
    if let url { return HealthQuestion(url: url) }
    let environment = ProcessInfo.processInfo.environment
    let path = try ConfigurationPath.find(option: config, environment: environment)
    guard let configuration = EdgeConfiguration.load(path: path, environment: environment).configuration else {
      throw HealthProblem(
        description: "\(path) has errors, so nothing says where the edge listens; see `tunnel-edge check`")
    }
    return HealthQuestion(configuration)
  }

  private static func words(for status: Int, _ url: String) -> String {
    switch status {
    case 401: "\(url) wants the user and password of `metrics_basic_auth`"
    case 503: "\(url): the edge runs and is not ready: it is starting or draining"
    default: "\(url) answers \(status) instead of 200: is that the edge?"
    }
  }
}

/// Why the edge is not known to be ready.
private struct HealthProblem: Error, CustomStringConvertible {
  var description: String
}

/// What is asked, and how.
struct HealthQuestion {
  var request: FetchRequest
  var fetcher = CurlFetcher.Configuration()

  /// At an address that somebody typed; a path of theirs is kept.
  init(url: String) {
    let authority = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
    let path = authority.firstIndex(of: "/").map { authority[$0...] } ?? ""
    request = FetchRequest(.get, path.isEmpty ? "\(url)/readyz" : path == "/" ? "\(url)readyz" : url)
    fetcher.directHosts = "*"
  }

  /// At the private listener, or else at the front door.
  init(_ configuration: EdgeConfiguration) {
    if let metrics = configuration.metrics {
      self.init(url: "http://\(metrics.address.fromHere)")
      if let credentials = metrics.credentials {
        let encoded = Base64.encode(Array(credentials.reveal().utf8))
        request.headers = [("Authorization", "Basic \(encoded)")]
      }
      return
    }
    let scheme = configuration.listener.isInsecure ? "http" : "https"
    let host = configuration.authenticateURL.host
    self.init(url: "\(scheme)://\(host):\(configuration.listener.address.port)")
    // The name may lead elsewhere from here, and the certificate may be of an authority that only visitors know. Nothing
    // secret is sent, and the answer of this machine's own socket is believed.
    fetcher.connectTo = configuration.listener.address.fromHere
    fetcher.verifiesCertificates = false
  }
}

extension ListenAddress {
  /// Where a listener with this address is reached on the machine itself: `host:port`.
  fileprivate var fromHere: String {
    switch host {
    case "", "0.0.0.0": "127.0.0.1:\(port)"
    case "::": "[::1]:\(port)"
    default: description
    }
  }
}
