import HTTPWire
import Identity
import NIOCore
import Policy
import Routing

/// What a publisher's screen is told of the requests through their tunnel.
extension Exchange {
  /// The request has found this tunnel. Costs one relaxed load while no screen looks.
  func tellPublisher(_ binding: Binding) {
    if let told {
      guard told.bindingID != binding.id else { return }
      told.withdrawn()
      self.told = nil
    }
    guard let head else { return }
    told = binding.traffic.begin(
      binding.id,
      TrafficRequest(
        startedAt: loop.shared.clock(), visitor: visitor?.session.subject.displayName ?? clientAddress,
        method: head.method.text, host: head.authority?.host ?? "", path: head.path))
  }

  func tellProgress() {
    told?.progressed(progress)
  }

  func tellEnd(detail: String) {
    guard let told else { return }
    self.told = nil
    let duration = (NIODeadline.now() - startedAt).nanoseconds / 1_000_000
    told.ended(progress, TrafficEnding(durationMilliseconds: duration, detail: detail))
  }

  private var progress: TrafficProgress {
    TrafficProgress(status: status, bytesIn: bytesIn, bytesOut: bytesOut, isUpgraded: isUpgraded)
  }
}
