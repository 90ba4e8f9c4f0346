import HTTPWire
import Identity
import NIOCore
import Policy
import Routing

/// Timeouts, rights that end, and the end of it all.
extension Exchange {
  /// Called a few times a second by the connection.
  func tick(_ now: NIODeadline) {
    switch state {
    case .done, .admitting: return
    case .ownPage:
      if !requestEnded, isOver(lastBodyAt, loop.configuration.readTimeout, now) { refuseSlowBody() }
    case .waiting, .relaying:
      registerStream()
      tellProgress()
      if let until = grant?.validUntil, until <= loop.shared.clock() {
        reconsider()
        return
      }
      tickRelay(now)
    case .raw:
      tellProgress()
      if let until = grant?.validUntil, until <= loop.shared.clock() {
        reconsider()
      } else if let limit = plan?.route.http.timeout, limit > 0, isOver(startedAt, limit, now) {
        endRaw(.routeTimeout)
      } else if let limit = plan?.route.http.idleTimeout, limit > 0, isOver(lastActivityAt, limit, now) {
        endRaw(.routeIdleTimeout)
      }
    }
  }

  /// Product fine point 4.
  private func tickRelay(_ now: NIODeadline) {
    guard let plan else { return }
    let configuration = loop.configuration
    let http = plan.route.http
    if let limit = http.timeout, limit > 0, isOver(startedAt, limit, now) {
      timeOut("route_timeout")
    } else if let limit = http.idleTimeout, limit > 0, hasSentHead, isOver(lastActivityAt, limit, now) {
      timeOut("route_idle_timeout")
    } else if !requestEnded, head?.hasBody == true, !isGRPC, case .relaying = state, wantsBody,
      !(head?.expectsContinue == true && !hasSentContinue && !hasTakenBody),
      isOver(max(lastBodyAt, waitingSince), configuration.readTimeout, now)
    {
      refuseSlowBody()
    } else if !hasSentHead, canRetry, !hasRetried, isOver(waitingSince, Self.patience, now), isWithSilentClient {
      goElsewhere()
    } else if http.timeout == nil, !hasSentHead, !isWaitingForBody, parked == nil,
      isOver(max(waitingSince, lastBodyAt), configuration.upstreamTimeout, now)
    {
      timeOut("upstream_response_timeout")
    }
  }

  /// How long a request waits with a client of whom nothing is heard, while another of the same person is there.
  private static let patience: Int64 = 3000

  private var isWithSilentClient: Bool {
    guard case .relaying = state, let upstream, !upstream.hasAnswered, let id = upstream.key.binding else {
      return false
    }
    return loop.shared.registry.isSilent(id)
  }

  private func goElsewhere() {
    if let id = upstream?.key.binding { tried.insert(id) }
    end(upstream: .reset)
    retry()
  }

  /// A call is open for as long as its ends like, and either may be silent meanwhile: like an upgraded stream it has no
  /// limit but those of its route. Services that speak HTTP/1.1 know no calls, and what is named one there would only keep a
  /// connection from others.
  private var isGRPC: Bool {
    guard upstream is HTTP2UpstreamStream, let head, head.version == .http2 else { return false }
    return GRPCAnswer.isWanted(by: head.headers)
  }

  /// While the visitor still sends, the service is not late.
  private var isWaitingForBody: Bool {
    guard case .relaying = state else { return false }
    return !requestEnded && wantsBody && !(head?.expectsContinue == true && !hasSentContinue && !hasTakenBody)
  }

  private func isOver(_ since: NIODeadline, _ limit: Int64, _ now: NIODeadline) -> Bool {
    now.isPast(since, by: limit)
  }

  private func timeOut(_ detail: String) {
    guard let plan else { return }
    if hasSentHead {
      fail(logDetail: detail)
      side.abort()
    } else {
      refuse(.timedOut(plan.route))
    }
  }

  private func refuseSlowBody() {
    if hasSentHead {
      fail(logDetail: "request_timeout")
      side.abort()
    } else {
      side.closeAfterResponse()
      refuse(.requestTimedOut)
    }
  }

  // MARK: Rights

  /// Whatever lives longer than a tick can be found and ended from outside.
  func registerStream() {
    guard openStream == nil, let plan, let head else { return }
    let eventLoop = loop.eventLoop
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let binding = upstream?.key.binding
    openStream = loop.shared.openStreams.register(
      OpenStream(
        sessionID: visitor?.sessionID, routeID: plan.route.id, bindingID: binding, startedAt: loop.shared.clock(),
        describe: "\(head.method.text) \(head.authority?.host ?? "")\(head.path)"
      ) {
        eventLoop.execute { bound.value.reconsider() }
      })
    // Registered first, decided then (security rule 28).
    if let grant,
      grant.generation != loop.routes().generation
        || grant.epoch != loop.shared.currentEpoch
    {
      reconsider()
    }
  }

  /// Decides again, and ends the exchange if the right to it is gone.
  func reconsider() {
    guard let head, let plan, let grant else { return }
    switch state {
    case .waiting, .relaying, .raw: break
    case .admitting, .ownPage, .done: return
    }
    let verdict = Admission.again(head, plan: plan, grant: grant, remoteAddress: clientAddress, loop: loop)
    if case .relay(let renewedPlan, let renewed) = verdict {
      // Together: what is found for it from now on is kept under the generation of the grant, for whoever comes later.
      self.plan = renewedPlan
      self.grant = renewed
      return
    }
    if case .raw = state {
      witnessEnd(verdict)
      return endRaw(.rightEnded)
    }
    end(upstream: .rightEnded)
    if hasSentHead {
      witnessEnd(verdict)
      finish(detail: "right_ended")
      side.abort()
    } else {
      state = .admitting
      perform(verdict)
    }
  }

  // MARK: The end

  /// Gives up without an answer.
  func fail(logDetail: String) {
    guard !isDone else { return }
    end(upstream: .reset)
    finish(detail: logDetail)
  }

  /// Writes the access-log line. The last thing an exchange does, and done once.
  func finish(detail: String) {
    state = .done
    stopWaiting()
    leaveSeat()
    guard !isLogged else { return }
    isLogged = true
    if let openStream {
      loop.shared.openStreams.remove(openStream)
      self.openStream = nil
    }
    tellEnd(detail: detail)
    count(at: nil)
    let nanoseconds = (NIODeadline.now() - startedAt).nanoseconds
    loop.tally.ended(self, nanoseconds: UInt64(clamping: nanoseconds))
    guard loop.accessLog.isOn else { return }
    let session = visitor?.session
    loop.accessLog.append(
      AccessRecord(
        time: loop.shared.clock(), requestID: requestID.text, remoteAddress: clientAddress,
        head: head, status: status, detail: detail,
        durationMilliseconds: nanoseconds / 1_000_000, bytesIn: bytesIn,
        bytesOut: bytesOut, route: plan?.routeIDText, user: session?.subject.displayName, session: session?.id,
        upstream: upstreamName, upstreamMilliseconds: upstreamDuration.map { $0.nanoseconds / 1_000_000 },
        isUpgraded: isUpgraded))
  }
}
