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

  /// Held until the connection lets go of this exchange, which every end of either makes it do.
  let side: any VisitorSide
  var state = State.admitting
  var plan: RoutePlan?
  var grant: Admission.Grant?
  var upstream: UpstreamConnection?

  // The request
  var requestEnded = false
  var hasTakenBody = false
  var hasSentContinue = false
  var collected: [UInt8] = []
  static let collectLimit = 64 << 10

  // The response
  var hasSentHead = false
  var status = 0
  var responseTrailers: HeaderList?
  var visitorHasFinished = false
  var serviceHasFinished = false

  // Finding a service
  var tried: Set<BindingID> = []
  var lastFailure: VisitorRefusal?
  /// Tunnels that could not open a stream for it.
  var openFailures = 0
  var hasRetried = false
  var upstreamName: String?
  /// While a stream opens for it.
  var wait: (waiter: UpstreamWaiter, shelf: UpstreamShelf)?
  /// The tunnel that counts it as under way.
  private var countedAt: BindingCounters?
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
  var isLogged = false
  var openStream: OpenStreamID?
  /// The route that it was refused for, before it had a plan.
  private(set) var refusedRoute: RouteID?
  /// Where a publisher's screen reads of it, if one looks.
  /// Where it is counted, if its route has limits.
  var seat: (gate: RequestGate, key: VisitorKey)?
  var told: TrafficEntry?

  init(head: RequestHead?, visitor side: any VisitorSide, loop: LoopState, remoteAddress: String) {
    self.head = head
    isHTTP10 = head?.version == .http10
    self.side = side
    self.loop = loop
    requestID = loop.requestIDs.next()
    peerAddress = remoteAddress
    let trusted = loop.configuration.trustedProxies
    if trusted.isEmpty {
      isFromTrustedProxy = false
  /// After 101, for a WebSocket.
  var socket: WebSocketPassage?
      clientAddress = remoteAddress
    } else {
      (clientAddress, isFromTrustedProxy) = ForwardedAddress.client(peer: remoteAddress, head: head, trusted: trusted)
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
    perform(Admission.admit(head, serverName: serverName, remoteAddress: clientAddress, loop: loop))
  }

  func perform(_ verdict: Admission.Verdict) {
    switch verdict {
    case .relay(let plan, let grant):
      self.plan = plan
      self.grant = grant
      loop.tally.decided(.allowed)
      if let answer = plan.route.answer { say(answer, plan) } else { findService() }
    case .ownPage(let place):
      beginOwnPage(place)
    case .signIn(let place):
      if case .route(let route) = place { count(.signIn, for: route) }
      answer(loop.shared.pages.unauthenticated(ownRequest(place)), detail: "unauthenticated")
    case .refuse(let refusal, let session):
      switch refusal {
      case .forbidden(let route): count(.denied, for: route)
      case .crossSite(let route): count(.crossSite, for: route)
      default: break
      }
      refuse(refusal, session: session)
    }
  }

  private func count(_ decision: VisitDecision, for route: Route) {
    loop.tally.decided(decision)
    refusedRoute = route.id
      if let refusal = limitMet(by: plan) { return refuse(refusal) }
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
      hasTakenBody = true
      upstream?.sendBody(bytes)
    case .admitting, .waiting, .raw, .done: break
    }
  }

  func takeTrailers(_ trailers: HeaderList) {
    guard case .relaying = state, let plan else { return }
    // Removed from trailers as from the head (security rule 22).
    let all = trailers
    var kept = trailers
    kept.remove {
      ProtectedNames.isForbiddenInTrailers($0, of: all) || all.foldedName($0, isOneOf: plan.removedNames)
    }
    requestTrailers = kept
  }

  private var requestTrailers: HeaderList?

      if exceedsBodyLimit() { return }
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
    upstream?.sendRaw(bytes)
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

  /// The connection is gone, or the visitor hung up.
    socket?.toService.pass(bytes)
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

  /// The edge is going, and what is under way has had its time.
  func endWithEdge() {
    if case .raw = state { endRaw(.drained) } else { fail(logDetail: "drained") }
  }

  func end(upstream end: StreamEnd) {
    let connection = upstream
    upstream = nil
    connection?.close(end)
  }
}
