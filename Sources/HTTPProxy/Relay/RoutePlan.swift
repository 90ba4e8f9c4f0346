import EdgeCrypto
import HTTPWire
import Identity
import NIOCore
import Policy
import Routing

/// A route, prepared for relaying: everything that is the same for each of its requests is worked out once per loop.
final class RoutePlan {
  let route: Route
  /// The Host field that the service sees; `nil`: the visitor's.
  let hostHeader: String?
  /// Whether that is the host of whichever `to` is chosen.
  let usesHostOfTarget: Bool
  /// Names, folded, that never come through from a visitor (security rule 22).
  let removedNames: [[UInt8]]
  /// The fields that `set_request_headers` adds, ready to send.
  let addedRequestFields: HeaderList
  /// Names, folded, that `set_response_headers` replaces.
  let replacedResponseNames: [[UInt8]]
  let addedResponseFields: HeaderList
  /// Sent only where the service sent none of that kind.
  let defaultResponseFields: [(kind: KnownField, name: [UInt8], line: HeaderList)]
  /// The kinds of those, as bits; all bits where one of them has no kind of its own.
  let defaultResponseKinds: UInt64
  /// What is added to an answer that has none of them.
  let usualAdditions: [HeaderList]
  let claimHeaders: [(name: String, claim: String)]
  /// What the route says of its assertion.
  let assertionOptions: AssertionOptions
  /// Groups that services may learn of; `nil`: all.
  private let groupsFilter: Set<String>?
  /// Whether anything is said of visitors to its services, for each of them.
  let tellsOfVisitors: Bool
  /// Names, folded, whose fields never come through from a visitor, whatever follows.
  let removedPrefixes: [[UInt8]]
  /// The policy for paths that were read loosely (`PathReading`), read that way itself.
  private(set) lazy var looseVisitPolicy = route.visitPolicy.readingPaths { PathReading.loose($0) ?? $0 }
  /// What a token for it is good for.
  private(set) lazy var audience = route.audience
  let routeIDText: String
  /// Its requests, counted.
  let tally: RequestTally
  /// Of its services with TLS, once they are needed.
  var tlsContexts: (any: TLSClientContext?, http1: TLSClientContext?)
  /// Counts them where the route has limits.
  var gate: RequestGate?
  /// Names, folded, of `rewrite_response_headers`.
  let responseRewrites: [(name: [UInt8], prefix: [UInt8], value: String)]
  /// Chooses among several `to`.
  let targets: TargetBalancer

  init(route: Route, configuration: HTTPProxyConfiguration, tally: RequestTally, members: [UpstreamMember]) {
    self.route = route
    self.tally = tally
    routeIDText = route.id.description
    let http = route.http
    hostHeader = http.preservesHostHeader ? nil : http.hostRewrite ?? Self.host(of: route.targets.first)
    usesHostOfTarget = !http.preservesHostHeader && http.hostRewrite == nil
    responseRewrites = http.responseRewrites.map { (Self.folded($0.name), Array($0.prefix.utf8), $0.value) }
    targets = TargetBalancer(route: route, members: members)
    var removed = configuration.claimHeaders.map { Self.folded($0.name) }
    removed += http.setRequestHeaders.map { Self.folded($0.name) }
    removed += http.shaping.headerTemplates.map { Self.folded($0.name) }
    if http.shaping.kubernetesToken != nil { removed.append(Array("authorization".utf8)) }
    removed += http.removeRequestHeaders.map { Self.folded($0) }
    removedNames = removed
    addedRequestFields = HeaderList(http.setRequestHeaders.map { ($0.name, $0.value) })
    let own = Set(http.setResponseHeaders.map { Self.folded($0.name) })
    let set =
      http.setResponseHeaders + configuration.setResponseHeaders.filter { !own.contains(Self.folded($0.name)) }
    replacedResponseNames = set.map { Self.folded($0.name) }
    addedResponseFields = HeaderList(set.map { ($0.name, $0.value) })
    let replaced = replacedResponseNames
    defaultResponseFields = configuration.defaultResponseHeaders.compactMap { name, value in
      let folded = Self.folded(name)
      if replaced.contains(folded) { return nil }
      let line = HeaderList([(name, value)])
      return (line.fields.first?.kind ?? .other, folded, line)
    }
    defaultResponseKinds = defaultResponseFields.reduce(0) {
      $1.kind == .other ? .max : $0 | 1 << UInt64($1.kind.rawValue & 63)
    }
    let usual = HeaderList(
      set.map { ($0.name, $0.value) }
        + configuration.defaultResponseHeaders.filter { !replaced.contains(Self.folded($0.name)) }
        .map { ($0.name, $0.value) })
    usualAdditions = usual.isEmpty ? [] : [usual]
    claimHeaders = http.passesIdentityHeaders ? configuration.claimHeaders : []
    // What one of the filters lets through, where there are two.
    let filters = [configuration.groupsFilter, http.shaping.groupsFilter].compactMap { $0 }
    groupsFilter = filters.isEmpty ? nil : Set(filters.joined())
    assertionOptions = AssertionOptions(groups: groupsFilter, issuerIsURI: http.shaping.issuerIsURI)
    tellsOfVisitors = ServiceKnowledge.isNeeded(http)
    removedPrefixes = http.shaping.kubernetesToken == nil ? [] : [Array("impersonate-".utf8)]
  }

  func groups(of subject: Subject) -> [String] {
    guard let groupsFilter else { return subject.groups }
    return subject.groups.filter { groupsFilter.contains($0) }
  }

  /// Upgrade tokens that may pass: `websocket`, and what the route lists (security rule 23).
  func allowsUpgrade(to token: String) -> Bool {
    if token == "websocket" { return route.http.allowsWebSockets }
    return token != "h2c" && route.http.allowedUpgrades.contains(token)
  }

  func allowsUpgrades(_ tokens: [String]) -> Bool { !tokens.isEmpty && tokens.allSatisfy { allowsUpgrade(to: $0) } }

  /// Whether a field of the visitor's is one that only we may send to this route's service.
  func removes(_ field: HeaderList.Field, of list: HeaderList) -> Bool {
    removedPrefixes.contains { list.foldedName(field, hasPrefix: $0) }
  }

  static func folded(_ name: String) -> [UInt8] { name.utf8.map { ByteClass.folded($0) } }
}
