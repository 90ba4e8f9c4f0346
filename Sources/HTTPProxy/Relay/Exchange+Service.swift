import EdgeCrypto
import HTTPWire
import NIOCore
import Policy
import Routing

/// What comes from the service.
extension Exchange {
  func serviceSentInterim(_ interim: ResponseHead) {
    guard !isDone, !hasSentHead, let head, let plan, head.version != .http10 else { return }
    if interim.status == 100 {
      guard head.expectsContinue, !hasSentContinue, !requestEnded else { return }
      hasSentContinue = true
    }
    let filter = ResponseFilter(interim, answering: head.method, plan: plan, cookies: loop.cookies)
    side.sendInterim(interim, mask: filter.mask)
    side.flush()
  }

  func serviceSentHead(_ response: ResponseHead) {
    guard case .relaying = state, let head, let plan else { return }
    lastActivityAt = loop.now
    upstreamDuration = askedAt.map { .now() - $0 }
    if response.status == 101 {
      beginRaw(response)
      return
    }
    for field in response.headers.fields
    where field.kind == .wwwAuthenticate && Self.bindsConnection(response.headers.value(field)) {
      upstream?.taint()
    }
    // The service may have switched all the same (security rule 23).
    if grant?.upgrade != nil { upstream?.noteDeclinedUpgrade() }
    if response.framing == .chunked || response.framing == .untilClose, Self.isEventStream(response) {
      upstream?.noteLasting()
    }
    status = response.status
    hasSentHead = true
    if !requestEnded, status >= 400 || (head.expectsContinue && !hasSentContinue) { side.closeAfterResponse() }
    var filter = ResponseFilter(response, answering: head.method, plan: plan, cookies: loop.cookies)
    if response.headers.contains(.location), let address = serviceAddress(head, plan) {
      filter.leadBack(response.headers, from: address)
    }
    var additions = filter.additions
    if let owner, let name = head.authority?.host,
      let fields = loop.ownerMark.fields(for: head, mark: OwnerMark.value(owner: owner, host: name))
    {
      additions.append(fields)
    }
    side.sendHead(response, mask: filter.mask, additions: additions)
  }

  private func serviceAddress(_ head: RequestHead, _ plan: RoutePlan) -> ServiceAddress? {
    guard let visitors = head.authority, let host = Authority(Array(plan.host(for: head, to: target).utf8)) else {
      return nil
    }
    return ServiceAddress(host: host, scheme: scheme(of: head), visitors: visitors, path: head.path)
  }

  private static func isEventStream(_ response: ResponseHead) -> Bool {
    guard let field = response.headers.firstField(.contentType) else { return false }
    return response.headers.value(field).lowercased().hasPrefix("text/event-stream")
  }

  func serviceSentBody(_ bytes: ByteBuffer) {
    guard !isDone else { return }
    bytesOut += UInt64(bytes.readableBytes)
    lastActivityAt = loop.now
    side.sendBody(bytes)
  }

  func serviceSentTrailers(_ trailers: HeaderList) {
    guard let kept = ResponseFilter.trailers(trailers) else {
      // Framing or identity in trailers: whoever writes that may not be read any further (security rule 24).
      end(upstream: .reset)
      serviceBroke(.malformed("a field in the trailers that may not stand there"))
      return
    }
    responseTrailers = kept
  }

  func serviceSentEnd() {
    guard case .relaying = state else {
      if case .raw = state { serviceFinishedRaw() }
      return
    }
    let connection = upstream
    upstream = nil
    if requestEnded { connection?.release() } else { connection?.close(.reset) }
    let trailers = responseTrailers
    finish(detail: "via_upstream")
    side.sendEnd(trailers: trailers)
    side.flush()
  }

  func serviceReadCompleted() { side.flush() }

  func serviceWritabilityChanged(isWritable: Bool) {
    waitingSince = loop.now
    side.bodyDemandChanged()
  }

  /// The service's bytes cannot be read, or end where they may not.
  func serviceBroke(_ error: WireError, end cause: StreamEnd = .reset) {
    guard !isDone else { return }
    let connection = upstream
    upstream = nil
    if !hasSentHead, let connection, !connection.hasAnswered, canRetry, !hasRetried, cause != .rightEnded,
      connection.hasServed || cause == .connectionLost
    {
      retry()
      return
    }
    connection?.close(.reset)
    if hasSentHead {
      finish(detail: cause == .rightEnded ? "right_ended" : "service_broke_off")
      side.abort()
    } else if let plan {
      refuse(
        cause == .rightEnded ? .ownerMayNotPublish(plan.route) : .serviceBroke(plan.route, error.description))
    }
  }

  // MARK: After 101

  /// Bytes turn raw only when the answer fits the question (security rule 23).
  private func beginRaw(_ response: ResponseHead) {
    guard let head, let plan, let token = grant?.upgrade, response.headers.listElements(.upgrade) == [token],
      response.headers.listContains(.connection, "upgrade"), Self.accepts(response, head, token)
    else {
      end(upstream: .reset)
      serviceBroke(.malformed("a 101 that does not fit the request"))
      return
    }
    status = 101
    hasSentHead = true
    isUpgraded = true
    state = .raw
    if token == "websocket" { socket = WebSocketPassage() }
    upstream?.becomeRaw()
    let filter = ResponseFilter(response, answering: head.method, plan: plan, cookies: loop.cookies)
    side.sendHead(response, mask: filter.mask, additions: filter.additions + [HeaderList([("Upgrade", token)])])
    side.becomeRaw()
    side.flush()
    registerStream()
    side.bodyDemandChanged()
  }

  /// RFC 6455 section 4.1: the answer proves that the service read the key.
  private static func accepts(_ response: ResponseHead, _ head: RequestHead, _ token: String) -> Bool {
    guard token == "websocket" else { return true }
    guard let key = head.headers.first(.secWebSocketKey), response.headers.count(.secWebSocketAccept) == 1,
      let accept = response.headers.first(.secWebSocketAccept)
    else { return false }
    return accept == Base64.encode(Digest.sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
  }

  func serviceSentRaw(_ bytes: ByteBuffer) {
    guard case .raw = state else { return }
    bytesOut += UInt64(bytes.readableBytes)
    lastActivityAt = loop.now
    socket?.toVisitor.pass(bytes)
    side.sendBody(bytes)
    finishIfClosed()
  }

  func serviceFinishedRaw() {
    guard case .raw = state, !serviceHasFinished else { return }
    serviceHasFinished = true
    side.flush()
    if visitorHasFinished { finishRaw() } else { side.finishRaw() }
  }

  func serviceClosedRaw(_ cause: StreamEnd) {
    guard case .raw = state else { return }
    upstream = nil
    switch cause {
    case .rightEnded: endRaw(.rightEnded)
    case .connectionLost: endRaw(.tunnelLost)
    case .finished, .reset: finishRaw()
    }
  }

  /// Both halves are over, in order: what is on its way arrives.
  func finishRaw() {
    end(upstream: .finished)
    finish(detail: "upgrade_finished")
    side.finishBoth()
  }
}
