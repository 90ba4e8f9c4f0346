import HTTPWire
import Identity
import NIOCore

/// A signed token that nobody has verified yet: the keys of its issuer may have to be fetched. The request waits, its body
/// unread.
extension Exchange {
  func verify(_ token: String, for visit: BearerVisit) {
    guard loop.beginVerifying() else { return refuse(.tooBusy) }
    let identity = loop.shared.identity
    let eventLoop = loop.eventLoop
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    Task {
      let answer = await identity.admitWorkload(token, host: visit.host, source: visit.source)
      eventLoop.execute { bound.value.hasVerified(answer) }
    }
  }

  private func hasVerified(_ answer: WorkloadAnswer) {
    loop.endVerifying()
    guard case .admitting = state, let head else { return }
    perform(
      Admission.admit(
        head, serverName: serverName, certificate: certificate, remoteAddress: clientAddress, loop: loop,
        verified: answer))
    // What has come of the request meanwhile waits to be read.
    side.bodyDemandChanged()
  }
}
