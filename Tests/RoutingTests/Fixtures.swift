import NIOCore
import Policy
import Synchronization
import Testing

@testable import Routing

func host(_ text: String) -> HostName {
  guard let name = HostName(text) else { fatalError("no host name: \(text)") }
  return name
}

func pattern(_ text: String) -> HostPattern {
  guard let pattern = HostPattern(text) else { fatalError("no host pattern: \(text)") }
  return pattern
}

func route(
  _ from: String, id: String? = nil, scheme: RouteOrigin.Scheme = .https, port: Int? = nil, path: PathMatch = .any,
  tunnel: Bool = true, isPublic: Bool = false
) -> Route {
  Route(
    id: RouteID(id ?? "\(scheme.rawValue)-\(from)-\(port ?? 0)-\(path)"),
    origin: RouteOrigin(scheme: scheme, host: pattern(from), port: port), path: path,
    tunnel: tunnel ? TunnelSettings(publishPolicy: .anyAuthenticatedUser) : nil, visitPolicy: .denyAll,
    isPublic: isPublic)
}

func person(_ name: String, session: String = "s") -> Subject {
  Subject(
    sessionID: session, issuer: "https://issuer.example", userID: name, email: "\(name)@example.com",
    emailIsTrusted: true, expiresAt: UnixTime(seconds: 2_000_000_000))
}

struct NoOpener: StreamOpener {
  func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
    eventLoop.makeFailedFuture(StreamOpenFailure.gone)
  }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func increment() { count.withLock { $0 += 1 } }
}

func fail(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
  Issue.record(Comment(rawValue: what), sourceLocation: sourceLocation)
}
