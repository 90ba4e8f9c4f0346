import HTTPWire
import Identity
import NIOCore
import Policy
import Routing

/// Answers of the edge itself: pages and refusals.
extension Exchange {
  func ownRequest(_ place: OwnRequest.Place) -> OwnRequest {
    OwnRequest(
      method: head?.method ?? .get, host: head?.authority.map { HostName($0.host)?.text ?? $0.host } ?? "",
      port: head?.authority?.port, path: head?.path ?? "/", query: head?.query,
      headers: head?.headers ?? HeaderList(isLikelyPerson ? [("Accept", "text/html")] : []), body: collected,
      remoteAddress: clientAddress, requestID: requestID.text, place: place)
  }

  private var place: OwnRequest.Place {
    if let plan { return .route(plan.route) }
    if case .ownPage(let place) = state { return place }
    return .unknownHost
  }

  // MARK: Pages

  func beginOwnPage(_ place: OwnRequest.Place) {
    state = .ownPage(place)
    if case .length(let length)? = head?.framing, length > UInt64(Self.collectLimit) { return refuse(.bodyTooLarge) }
    if let head, head.expectsContinue, head.hasBody {
      hasSentContinue = true
      side.sendInterim(ResponseHead(status: 100), mask: .all)
      side.flush()
    }
  }

  /// The body is here. Pages are asynchronous: they may ask the store or a provider.
  func askForPage(_ place: OwnRequest.Place) {
    let request = ownRequest(place)
    collected = []
    let pages = loop.shared.pages
    let eventLoop = loop.eventLoop
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    Task {
      let response = await pages.respond(to: request)
      eventLoop.execute {
        if case .ownPage = bound.value.state { bound.value.answer(response, detail: "own_page") }
      }
    }
  }

  // MARK: Refusals

  func refuse(wire error: WireError) {
    switch error {
    case .malformed(let what): refuse(.badRequest(what))
    case .truncated: refuse(.badRequest("The request broke off."))
    case .targetTooLong: refuse(.targetTooLong)
    case .headTooLarge: refuse(.headTooLarge)
    case .unsupportedVersion: refuse(.versionNotSupported)
    case .unsupportedTransferCoding: refuse(.notImplemented)
    case .expectationFailed: refuse(.expectationFailed)
    }
  }

  func refuse(_ refusal: VisitorRefusal, session: Session? = nil) {
    end(upstream: .reset)
    loop.tally.refused(refusal)
    let known = session ?? visitor?.session
    answer(loop.shared.pages.refusal(refusal, ownRequest(place), session: known), detail: refusal.logDetail)
  }

  // MARK: Sending

  func answer(_ response: OwnResponse, detail: String) {
    guard !isDone, !hasSentHead else { return }
    status = response.status
    hasSentHead = true
    if response.closesConnection || !bodyIsWorthReading { side.closeAfterResponse() }
    // Over HTTP/2 a head that ends the stream says it all, and to gRPC clients nothing else does.
    let isHeadOnly = response.body.isEmpty && head?.version == .http2 && head?.method != .head
    let hasBody = response.status != 304 && response.status != 204 && !isHeadOnly
    var headers = response.headers
    if !headers.contains(.date) { headers.add("Date", HTTPDate.text(unixSeconds: loop.shared.clock().seconds)) }
    headers.set("X-Request-Id", requestID.text)
    headers.remove { $0.kind == .contentLength || $0.kind == .transferEncoding || $0.kind == .connection }
    bytesOut = UInt64(response.body.count)
    side.sendHead(
      ResponseHead(
        status: response.status, headers: headers, framing: hasBody ? .length(UInt64(response.body.count)) : .none),
      mask: .all, additions: [])
    if hasBody, head?.method != .head { side.sendBody(ByteBuffer(bytes: response.body)) }
    finish(detail: detail)
    side.sendEnd(trailers: nil)
    side.flush()
  }

  /// A request answered before its body came leaves that body in the connection. A short one is read and dropped.
  private var bodyIsWorthReading: Bool {
    guard let head, !requestEnded, head.hasBody else { return true }
    if head.expectsContinue, !hasSentContinue { return false }
    if case .length(let length) = head.framing { return length <= VisitorConnection.discardLimit }
    return false
  }
}
