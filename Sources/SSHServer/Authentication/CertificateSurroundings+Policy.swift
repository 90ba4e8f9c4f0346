import Policy
import SSHProtocol

extension CertificateSurroundings {
  /// The time of day, and address blocks as policies read them.
  init(clock: @escaping UnixClock) {
    self.init(
      now: { UInt64(clamping: clock().milliseconds / 1000) },
      isWithin: { address, blocks in
        let ranges = blocks.map { AddressRange($0) }
        guard let address = IPAddress(address) else { return false }
        var isInside = false
        for range in ranges {
          guard let range else { return nil }
          if range.contains(address) { isInside = true }
        }
        return isInside
      })
  }
}
