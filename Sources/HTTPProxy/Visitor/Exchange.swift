import HTTPWire
import Identity
import NIOCore
import Policy
import Routing

/// One request and its response: admission, then our own page, a refusal, or the relay to a service.
///
/// It stands between the visitor's side and the service's and knows neither's framing.
///
///      begin ─▶ ownPage ───────────────────────────────┐
///        │ └──▶ waiting (tunnel, stream) ─▶ relaying ──┤
///        │                                   └─▶ raw ──┤
///        └──▶ refused ─────────────────────────────────┴─▶ done
final class Exchange {
  enum State {
    case admitting
    /// Collects the body for one of our pages, or waits for the page.
    case ownPage(OwnRequest.Place)
    /// For a tunnel to come back, or for a stream to open.
    case waiting
    case relaying
    /// After 101: bytes of another protocol.
    case raw
    /// Answered, or given up. What still comes is not wanted.
    case done
  }

  let head: RequestHead?
  let loop: LoopState
  let requestID: RequestID
  let isHTTP10: Bool
  /// The other end of the connection.
  let peerAddress: String
  /// Whom it comes from, after trusted proxies.
  let clientAddress: String
  let isFromTrustedProxy: Bool
  let startedAt = NIODeadline.now()
  /// The name in the TLS handshake.
  var serverName: String?
  /// Shown in the TLS handshake.
  var certificate: VisitorCertificate?
  /// Whether a request whose head could not be read seems to come from a browser.
  var isLikelyPerson = false

  /// Held until the connection lets go of this exchange, which every end of either makes it do.
  let side: any VisitorSide
  var state = State.admitting
  var plan: RoutePlan?
  var grant: Admission.Grant?
  var upstream: (any ServiceSide)?

  // The request
  var requestEnded = false
  var hasTakenBody = false
  var hasSentContinue = false
  var requestTrailers: HeaderList?
  var collected: [UInt8] = []
  static let collectLimit = 64 << 10

  // The response
  var hasSentHead = false
  var status = 0
  var responseTrailers: HeaderList?
  /// With what the service gave its stream up, where it speaks HTTP/2.
  var brokenBy: HTTP2ErrorCode?
  var visitorHasFinished = false
  var serviceHasFinished = false

  // Finding a service
  var tried: Set<BindingID> = []
  /// A tunnel of the person to whom it went first, or for whom it waited: nobody else gets it (security rule 1).
  var publisher: Binding?
  var lastFailure: VisitorRefusal?
  /// Tunnels or addresses that could not open a stream for it.
  var openFailures = 0
  var hasRetried = false
  /// The service has said that it serves this over HTTP/1.1 only.
  var needsHTTP1 = false
  var upstreamName: String?
  /// When the request went to the service, and how long its answer took to begin.
  var askedAt: NIODeadline?
  var upstreamDuration: TimeAmount?
  /// The `to` that was chosen for it, and which of several.
  var target: RouteTarget?
  var targetPlace: Int?
  /// The one that could not be reached.
  var triedTarget: Int?
  /// While it waits for a lost tunnel to come back.
  var parked: TunnelWaiting?
  /// While a stream opens for it.
  var wait: (waiter: UpstreamWaiter, shelf: UpstreamShelf)?
  /// The tunnel, or the address of `to`, that counts it as under way.
  private var countedAt: BindingCounters?
  /// Where it is counted, if its route has limits.
  var seat: (gate: RequestGate, key: VisitorKey)?
  /// Whose tunnel it goes through, where that is one person's.
  var owner: Subject?

  // Time, as of the loop's ticks
  var lastBodyAt: NIODeadline
  var waitingSince: NIODeadline
  var lastActivityAt: NIODeadline

  // What the log tells
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0
  var isUpgraded = false
  /// After 101, for a WebSocket.
  var socket: WebSocketPassage?
  var isLogged = false
  var openStream: OpenStreamID?
  /// The route that it was refused for, before it had a plan.
  private(set) var refusedRoute: RouteID?
  /// Where a publisher's screen reads of it, if one looks.
  var told: TrafficEntry?

  init(head: RequestHead?, visitor side: any VisitorSide, loop: LoopState, remoteAddress: String) {
    self.head = head.map { loop.configuration.treatment.treated($0) }
    isHTTP10 = head?.version == .http10
    self.side = side
    self.loop = loop
    requestID = loop.requestIDs.next()
    peerAddress = remoteAddress
    let trusted = loop.configuration.trustedProxies
    if trusted.isEmpty {
      isFromTrustedProxy = false
      clientAddress = remoteAddress
    } else {
      (clientAddress, isFromTrustedProxy) = ForwardedAddress.client(
        peer: remoteAddress, head: head, trusted: trusted, hops: loop.configuration.trustedHops)
    }
    lastBodyAt = loop.now
    waitingSince = loop.now
    lastActivityAt = loop.now
  }

  var visitor: KnownVisitor? { grant?.visitor }

  var isDone: Bool {
    if case .done = state { return true }
    return false
  }

  /// Which tunnel has it to do; `nil` when none has any more.
  func count(at counters: BindingCounters?) {
    guard counters !== countedAt else { return }
    countedAt?.requestEnded()
    counters?.requestBegan()
    countedAt = counters
  }

  /// Nothing of it has left for a service, or could harm a second time (security rule 26).
  var canRetry: Bool {
    guard let head, !head.hasBody, grant?.upgrade == nil else { return false }
    switch head.method {
    case .get, .head, .options: return true
    case .post, .put, .delete, .patch, .connect, .trace, .other: return false
    }
  }

  // MARK: From the visitor

  func begin() {
    guard let head else { return }
    perform(
      Admission.admit(
        head, serverName: serverName, certificate: certificate, remoteAddress: clientAddress, loop: loop))
  }

  func perform(_ verdict: Admission.Verdict) {
    switch verdict {
    case .relay(let plan, let grant):
      self.plan = plan
      self.grant = grant
      loop.tally.decided(.allowed)
      if let refusal = limitMet(by: plan) { return refuse(refusal) }
      if let answer = plan.route.answer { say(answer, plan) } else { findService() }
    case .ownPage(let place):
      beginOwnPage(place)
    case .signIn(let place):
      if case .route(let route) = place { count(.signIn, for: route) }
      answer(loop.shared.pages.unauthenticated(ownRequest(place)), detail: "unauthenticated")
    case .redirect(let path): redirect(to: path)
    case .verify(let token, let visit): verify(token, for: visit)
    case .refuse(let refusal, let session):
      switch refusal {
      case .forbidden(let route, _): count(.denied, for: route)
      case .crossSite(let route): count(.crossSite, for: route)
      case .certificate(let route, _): count(.denied, for: route)
      case .invalidToken(let route, _): count(.signIn, for: route)
      default: break
      }
      witness(refusal, session: session)
      refuse(refusal, session: session)
    }
  }

  private func count(_ decision: VisitDecision, for route: Route) {
    loop.tally.decided(decision)
    refusedRoute = route.id
  }

  /// Whether body bytes may come now; while not, they stay unread and the visitor is slowed down by TCP.
  var wantsBody: Bool {
    switch state {
    case .admitting: false
    case .ownPage, .done: true
    case .waiting: head?.hasBody != true
    case .relaying, .raw: upstream?.isWritable ?? true
    }
  }

  func takeBody(_ bytes: ByteBuffer) {
    bytesIn += UInt64(bytes.readableBytes)
    lastBodyAt = loop.now
    lastActivityAt = loop.now
    switch state {
    case .ownPage:
      guard collected.count + bytes.readableBytes <= Self.collectLimit else {
        refuse(.bodyTooLarge)
        return
      }
      collected.append(contentsOf: bytes.readableBytesView)
    case .relaying:
      if exceedsBodyLimit() { return }
      hasTakenBody = true
      upstream?.sendBody(bytes)
    case .admitting, .waiting, .raw, .done: break
    }
  }

  func takeTrailers(_ trailers: HeaderList) {
    guard let plan else { return }
    switch state {
    case .waiting, .relaying: break
    case .admitting, .ownPage, .raw, .done: return
    }
    // Removed from trailers as from the head (security rule 22).
    let all = trailers
    var kept = trailers
    let treatment = loop.configuration.treatment
    kept.remove {
      ProtectedNames.isForbiddenInTrailers($0, of: all) || all.foldedName($0, isOneOf: plan.removedNames)
        || plan.removes($0, of: all) || !treatment.keeps($0, of: all)
    }
    requestTrailers = kept
  }

  /// The request has come whole.
  func takeEnd() {
    requestEnded = true
    waitingSince = loop.now
    switch state {
    case .ownPage(let place): askForPage(place)
    case .relaying:
      upstream?.sendEnd(trailers: requestTrailers)
      upstream?.flush()
    case .admitting, .waiting, .raw, .done: break
    }
  }

  func takeRaw(_ bytes: ByteBuffer) {
    bytesIn += UInt64(bytes.readableBytes)
    lastActivityAt = loop.now
    socket?.toService.pass(bytes)
    upstream?.sendRaw(bytes)
    finishIfClosed()
  }

  func visitorReadCompleted() {
    switch state {
    case .relaying where head?.hasBody == true, .raw: upstream?.flush()
    case .relaying, .admitting, .ownPage, .waiting, .done: break
    }
  }

  func visitorWritabilityChanged(isWritable: Bool) { upstream?.setReading(isWritable) }

  /// Half of an upgraded stream is over.
  func visitorFinishedSending() {
    visitorHasFinished = true
    if serviceHasFinished { finishRaw() } else { upstream?.finishWriting() }
  }

  /// The edge is going, and what is under way has had its time.
  func endWithEdge() {
    if case .raw = state { endRaw(.drained) } else { fail(logDetail: "drained") }
  }

  /// The connection is gone, or the visitor hung up.
  func visitorLeft() {
    guard !isDone else { return }
    end(upstream: .reset)
    finish(detail: isUpgraded ? "upgrade_closed_by_visitor" : "visitor_left")
  }

  /// The visitor's bytes cannot be read any further.
  func visitorBroke(_ error: WireError) {
    end(upstream: .reset)
    if hasSentHead || isDone {
      finish(detail: "bad_request_body")
      side.abort()
    } else {
      side.closeAfterResponse()
      refuse(wire: error)
    }
  }

  func end(upstream end: StreamEnd) {
    let connection = upstream
    upstream = nil
    connection?.close(end)
  }
}
