import EdgeCrypto
import Logging
import NIOPosix
import Synchronization

/// Answers requests: every endpoint lies in its own file under Endpoints.
final class ProviderService: Sendable {
  let configuration: ProviderConfiguration
  let keys: SigningKeys
  let grants: GrantTable
  let clock: ProviderClock
  let random: RandomSource
  let logger: Logger
  private let port: Mutex<Int>

  init(
    configuration: ProviderConfiguration, directory: KeyDirectory, clock: @escaping ProviderClock,
    random: @escaping RandomSource, logger: Logger
  ) throws(ProviderError) {
    self.configuration = configuration
    keys = try SigningKeys(directory: directory, lifetimes: configuration.lifetimes, now: clock())
    self.clock = clock
    self.random = random
    self.logger = logger
    grants = GrantTable(
      lifetimes: configuration.lifetimes, seal: try RefreshTokenSeal(directory: directory, random: random),
      random: random,
      startedAt: clock())
    port = Mutex(configuration.issuer.port)
  }

  /// The issuer with the port that is really listened on.
  var issuer: IssuerURL {
    var issuer = configuration.issuer
    issuer.port = port.withLock { $0 }
    return issuer
  }

  func setPort(_ number: Int) { port.withLock { $0 = number } }

  func respond(to request: ProviderRequest) async -> ProviderResponse {
    let issuer = issuer
    guard let host = request.header("host"), issuer.isNamed(by: host) else {
      return errorPage(421, "Wrong name", "This identity provider is \(issuer.text) and answers to no other name.")
    }
    guard request.path.hasPrefix(issuer.path + "/") || request.path == issuer.path else {
      return errorPage(404, "Nothing here", "The identity provider lives at \(issuer.text).")
    }
    let path = String(request.path.dropFirst(issuer.path.count))
    switch (request.method, path) {
    case ("GET", "/.well-known/openid-configuration"), ("HEAD", "/.well-known/openid-configuration"):
      return discovery(issuer)
    case ("GET", "/keys"), ("HEAD", "/keys"): return await keySet()
    case ("GET", "/auth"), ("GET", "/auth/local"): return authorize(request)
    case ("GET", "/auth/local/login"): return loginForm(request)
    case ("POST", "/auth/local/login"): return await login(request)
    case ("GET", "/approval"): return approvalForm(request)
    case ("POST", "/approval"): return approval(request)
    case ("POST", "/token"): return await token(request)
    case ("GET", "/userinfo"), ("POST", "/userinfo"): return userInfo(request)
    case ("GET", "/healthz"), ("GET", ""), ("GET", "/"):
      return ProviderResponse(
        status: 200, headers: [("content-type", "text/plain; charset=utf-8")], body: Array("Health check passed\n".utf8)
      )
    default: return errorPage(404, "Nothing here", "The identity provider has no such page.")
    }
  }
}
